// The least that a service on Node.js can do: as echo.py, with Express, one process for each core.
const cluster = require('node:cluster')
const express = require('express')

const [port, workers] = process.argv.slice(2).map(Number)
if (cluster.isPrimary) {
  for (let n = 0; n < workers; n++) cluster.fork()
} else {
  const app = express()
  app.use(express.json({ limit: '10mb' }))
  app.post('/cds-services/:service', (_request, response) => response.json({ cards: [] }))
  app.listen(port, '127.0.0.1')
}
