import numpy as np

from watchme_analysis.stats.intervals import runs_of_true


def test_runs_agree_with_a_loop(subtests):
    for seed in range(20):
        with subtests.test(seed=seed):
            values = np.random.default_rng(seed).random(40) < 0.5
            expected, gap = [], seed % 3
            for at, value in enumerate(values):
                if value and expected and at - expected[-1][1] <= gap:
                    expected[-1] = (expected[-1][0], at + 1)
                elif value:
                    expected.append((at, at + 1))
            assert runs_of_true(values, gap) == expected
