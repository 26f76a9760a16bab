#!/bin/sh
# Starts {{ script.part }}; rendered by Slipway. Secrets are read here, at start, from files: none is in this script or in an argv.
set -eu
{%- if pid_file %}
# an earlier self that was killed may have left its workers, and the memory they hold
if [ -e {{ pid_file | shellquote }} ]; then mv {{ pid_file | shellquote }} {{ (pid_file ~ ".old") | shellquote }}; fi
echo $$ > {{ pid_file | shellquote }}
if [ -e {{ (pid_file ~ ".old") | shellquote }} ]; then
  PYTHONPATH={{ site.root | shellquote }} {{ site.python | shellquote }} -m slipway.launchers.leftovers {{ (pid_file ~ ".old") | shellquote }}
fi
{%- endif %}
{%- if script.path %}
export PATH={{ script.path | shellquote }}:"$PATH"
{%- endif %}
{%- for name, value in script.env.items() %}
export {{ name }}={{ value | shellquote }}
{%- endfor %}
{%- for name in script.secrets %}
{%- set file = (site.secrets ~ "/" ~ name) | shellquote %}
if [ -r {{ file }} ]; then {{ name }}="$(cat {{ file }})"; export {{ name }}; fi
{%- endfor %}
exec {% for line in script.lines -%}
{{ line | map("shellquote") | join(" ") }}{% if not loop.last %} \
  {% endif %}
{%- endfor %}
