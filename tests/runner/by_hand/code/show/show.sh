#!/bin/bash
set -e
python show.py "$@"
