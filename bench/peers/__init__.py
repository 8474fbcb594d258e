"""One module for each library: `prepare(case, variant, options)` returns `run(steps)`; see `bench.cases`."""
