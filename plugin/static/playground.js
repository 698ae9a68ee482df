// The playground: the textarea becomes an editor, and each change is checked while one types.
// Without this script the same form works with its buttons.
import {
  EditorState, EditorView, HighlightStyle, autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap, defaultKeymap,
  drawSelection, highlightActiveLine, history, historyKeymap, indentUnit, indentWithTab, keymap, lineNumbers, lintGutter, lintKeymap,
  setDiagnostics, syntaxHighlighting, tags, yaml,
} from './vendor/codemirror.js';
import { completions } from './completion.js';

const PAUSE = 400; // milliseconds without a key before the text is checked

const form = document.getElementById('draft');
const textarea = document.getElementById('text');
const original = textarea.value;

const theme = EditorView.theme({
  '&': { height: '100%', color: 'var(--ink)', backgroundColor: 'var(--card)', fontSize: '.8125rem' },
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': { fontFamily: 'ui-monospace, "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace', lineHeight: '1.5' },
  '.cm-content': { caretColor: 'var(--ink)' },
  '.cm-cursor, .cm-dropCursor': { borderLeftColor: 'var(--ink)' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground':
    { background: 'color-mix(in srgb, var(--accent) 28%, transparent)' },
  '.cm-activeLine': { backgroundColor: 'color-mix(in srgb, var(--accent) 7%, transparent)' },
  '.cm-gutters': { backgroundColor: 'var(--ground)', color: 'var(--mute)', borderRight: '1px solid var(--line)' },
  '.cm-lintRange-error, .cm-lintRange-warning': { backgroundImage: 'none', textDecorationLine: 'underline', textDecorationStyle: 'wavy',
    textDecorationSkipInk: 'none', textUnderlineOffset: '.2em' },
  '.cm-lintRange-error': { textDecorationColor: 'var(--act)', backgroundColor: 'color-mix(in srgb, var(--act) 12%, transparent)' },
  '.cm-lintRange-warning': { textDecorationColor: 'var(--watch)' },
  '.cm-lintPoint:after': { display: 'none' },
  '.cm-gutter-lint .cm-gutterElement': { padding: '0 .2em' },
  '.cm-lint-marker': { width: '1em', height: 'auto' },
  '.cm-lint-marker-error, .cm-lint-marker-warning': { content: 'normal' },
  '.cm-lint-marker-error::before': { content: '"✗"', color: 'var(--act)', fontWeight: '700' },
  '.cm-lint-marker-warning::before': { content: '"!"', color: 'var(--watch)', fontWeight: '700' },
  '.cm-tooltip': { backgroundColor: 'var(--card)', color: 'var(--ink)', border: '1px solid var(--edge)', borderRadius: '6px', maxWidth: '36rem',
    boxShadow: '0 2px 8px rgb(0 0 0 / 25%)' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]': { backgroundColor: 'var(--accent)', color: 'var(--on-accent)' },
  '.cm-completionInfo': { maxWidth: '22rem' },
  '.cm-diagnostic': { padding: '.35rem .7rem', whiteSpace: 'pre-wrap', fontFamily: 'system-ui, sans-serif' },
  '.cm-diagnostic-error': { borderLeftColor: 'var(--act)' },
  '.cm-diagnostic-warning': { borderLeftColor: 'var(--watch)' },
  '.cm-diagnosticSource': { color: 'var(--mute)', opacity: '1' },
});
const colours = HighlightStyle.define([
  { tag: tags.definition(tags.propertyName), color: 'var(--accent)' },
  { tag: [tags.string, tags.special(tags.string)], color: 'var(--prevent)' },
  { tag: [tags.comment, tags.punctuation, tags.separator, tags.squareBracket, tags.brace], color: 'var(--mute)' },
]);

const schema = fetch(form.dataset.schema).then((answer) => (answer.ok ? answer.json() : null)).catch(() => null);

// A shadow root: there the editor's styles are style sheets of the document's own, which a strict content policy allows.
const host = document.getElementById('editor');
const view = new EditorView({
  root: host.attachShadow({ mode: 'open' }),
  state: EditorState.create({
    doc: original,
    extensions: [
      lintGutter(),
      lineNumbers(),
      history(),
      drawSelection(),
      highlightActiveLine(),
      closeBrackets(),
      indentUnit.of('  '),
      EditorView.lineWrapping,
      yaml(),
      autocompletion({ override: [async (context) => completions(context, await schema)], icons: false }),
      keymap.of([...closeBracketsKeymap, ...completionKeymap, ...lintKeymap, ...historyKeymap, ...defaultKeymap, indentWithTab]),
      EditorView.contentAttributes.of({ tabindex: '0', 'aria-label': form.dataset.label, 'aria-description': document.getElementById('keys').textContent }),
      EditorView.updateListener.of((update) => update.docChanged && changed()),
      theme,
      syntaxHighlighting(colours),
    ],
  }),
});
host.shadowRoot.append(view.dom);

// ------------------------------------------------------------------ asking

let asking = new AbortController();
let timer = 0;

function changed() {
  document.getElementById('reach').classList.add('outdated');
  clearTimeout(timer);
  timer = setTimeout(() => ask(form.action), PAUSE);
}

// Sends the text and shows what came of it. Only the answer to the newest text counts.
async function ask(address) {
  clearTimeout(timer);
  asking.abort();
  const { signal } = (asking = new AbortController());
  const text = view.state.doc.toString();
  textarea.value = text;
  form.classList.toggle('running', address === document.getElementById('run').formAction);
  try {
    const body = new URLSearchParams(new FormData(form));
    const answer = await fetch(address, { method: 'POST', body, headers: { Accept: 'application/json' }, signal });
    const found = await answer.json();
    if (!answer.ok) tell(found.detail);
    else if (text === view.state.doc.toString()) show(found);
  } catch (error) {
    if (error.name !== 'AbortError') tell(form.dataset.silent);
  } finally {
    if (!signal.aborted) form.classList.remove('running');
  }
}

function show({ messages, html }) {
  for (const [name, part] of Object.entries(html)) document.getElementById(name).innerHTML = part;
  if (html.reach) document.getElementById('reach').classList.remove('outdated');
  say(document.querySelector('#verdict .verdict').textContent);
  view.dispatch(setDiagnostics(view.state, messages.map(mark)));
}

// For those who listen: once for each new verdict, not once for each key.
function say(text) {
  const spoken = document.getElementById('spoken');
  const said = text.replace(/\s+/g, ' ').trim();
  if (spoken.textContent !== said) spoken.textContent = said;
}

function tell(problem) {
  const line = document.createElement('p');
  line.className = 'verdict';
  line.textContent = problem;
  document.getElementById('verdict').replaceChildren(line);
  say(problem);
}

// ------------------------------------------------------------------ places

// Lines and columns count from 1, columns in characters; the editor counts in UTF-16 units from the beginning.
function position(line, column) {
  const found = view.state.doc.line(Math.min(Math.max(line, 1), view.state.doc.lines));
  return found.from + [...found.text].slice(0, column - 1).join('').length;
}

function mark({ line, column, severity, code, text, hint }) {
  const from = position(line, column);
  const rest = view.state.doc.lineAt(from).text.slice(from - view.state.doc.lineAt(from).from);
  const word = /^(?:"(?:[^"\\]|\\.)*"|'[^']*'|[^\s:,{}[\]]+(?: [^\s:,{}[\]]+)*|.)/u.exec(rest);
  const to = from + (word ? word[0].length : 0);
  return { from, to, severity, source: code, message: hint ? `${text}\n→ ${hint}` : text };
}

form.addEventListener('click', (event) => {
  const link = event.target.closest('a[data-line]');
  if (!link) return;
  event.preventDefault();
  view.focus();
  const place = position(Number(link.dataset.line), Number(link.dataset.column));
  view.dispatch({ selection: { anchor: place }, effects: EditorView.scrollIntoView(place, { y: 'center' }) });
});

// ------------------------------------------------------------------ the page

form.addEventListener('submit', (event) => {
  event.preventDefault();
  if (!form.classList.contains('running')) ask(event.submitter?.formAction || form.action);
});

document.querySelector('label[for=text]').addEventListener('click', (event) => {
  event.preventDefault();
  view.focus();
});

document.getElementById('save').addEventListener('click', () => {
  const text = view.state.doc.toString();
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type: 'application/yaml' }));
  link.download = `${/^rule:\s*([a-z0-9-]+)/m.exec(text)?.[1] ?? 'rule'}.yaml`;
  link.click();
  URL.revokeObjectURL(link.href);
  saved = text;
});

let saved = original;
window.addEventListener('beforeunload', (event) => {
  if (view.state.doc.toString() !== saved) event.preventDefault();
});

textarea.hidden = true;
document.getElementById('check').hidden = true; // it happens by itself
for (const id of ['editor', 'keys', 'save']) document.getElementById(id).hidden = false;
ask(form.action);
