# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmark: `python -m tests.bench`, or `make bench`. One run, one table, figures and ratios.

corpus, user_agents   the named corpus of web traffic
sealed                the corpus as sealed HTTP requests, in a file
bare                  the bare Tornado handler that the collector is measured against
serving               `tmon serve` on a data folder of its own: starting it, asking it, its figures
singles, batches, year, questions, deletion
                      what is measured
table                 how it is shown

The load generator is that of `tmon load`: src/tmon/load.
"""
