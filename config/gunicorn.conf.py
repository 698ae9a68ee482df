"""For those who start gunicorn themselves, instead of by ``almoner serve``, which does the same.

``ALMONER_CONFIG=/etc/almoner/almoner.yaml gunicorn --config gunicorn.conf.py 'plugin.serve:application()'``. The address and the number
of threads are those of Almoner's settings.
"""

from plugin.serve import gunicorn_settings
from plugin.settings import Settings

WORKERS = 2  # one for each core

globals().update(gunicorn_settings(Settings(), WORKERS))
