#!/bin/sh
# Starts {{ script.part }}; rendered by Slipway. Secrets are read here, at start, from files: none is in this script or in an argv.
set -eu
{%- if pid_file %}
echo $$ > {{ pid_file | shellquote }}
{%- endif %}
{%- if script.path %}
export PATH={{ script.path | shellquote }}:"$PATH"
{%- endif %}
{%- for name, value in script.env.items() %}
export {{ name }}={{ value | shellquote }}
{%- endfor %}
{%- for name in script.secrets %}
{%- set file = (secrets_folder ~ "/" ~ name) | shellquote %}
if [ -r {{ file }} ]; then {{ name }}="$(cat {{ file }})"; export {{ name }}; fi
{%- endfor %}
exec {% for line in script.lines -%}
{{ line | map("shellquote") | join(" ") }}{% if not loop.last %} \
  {% endif %}
{%- endfor %}
