# The usual commands, in a virtual environment of the checkout. `make test` needs no root; `.ci/run` does.
.PHONY: check docs reference test
.venv: ; python3 -m venv .venv && .venv/bin/pip install -q -e '.[demo,docs,test]'
check: .venv ; .venv/bin/ruff format . && .venv/bin/ruff check . && .venv/bin/mypy && .venv/bin/lint-imports
test: .venv ; .venv/bin/pytest -n logical
reference: .venv ; .venv/bin/python scripts/reference.py
docs: reference ; .venv/bin/zensical build --strict
