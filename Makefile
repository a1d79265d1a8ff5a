# The same chores as `python3 tasks.py TASK`, for those who have make.
PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11,$(shell command -v $(name))))

.PHONY: report test setup lint spark lock
report test setup lint spark lock:
	@$(or $(PYTHON),$(error Python 3.11, 3.12 or 3.13 is needed; install one and run make again)) tasks.py $@
