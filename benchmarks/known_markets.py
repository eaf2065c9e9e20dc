"""The known-truth suite: simulated markets whose correlation regimes are known, and what a detector scores on them.

Here: the markets, the oracle that knows every parameter (the best any detector could do), the scores. Not here: who
is judged (benchmarks.known_truth, tests/unit/test_regimes.py).

Truth is GARCH(1,1) times bivariate Student-t(4) innovations, asset first, benchmark second, with a correlation by
scenario: `switch` semi-Markov over +0.55, +0.05 and -0.35, durations log-uniform on 40 to 400 days; `jitter` the same
with a level of its own for every spell; `stress` jitter with asymmetry, shocks and fatter tails; `drift` a smooth
path, cut at +0.30 and -0.15; `gcop` switch without joint tails; `null` no change at all. Seeds derive from salt,
scenario and path: tune on one salt, judge on another.
"""

from __future__ import annotations

import math
import zlib
from itertools import pairwise
from typing import Any

import numpy as np

LEVELS = np.array([-0.35, 0.05, 0.55])  # index 0,1,2 <-> label -1,0,+1
LABELS = np.array([-1, 0, 1])
THR_LO, THR_HI = -0.15, 0.30  # class borders (midpoints of neighbouring levels)
TRANS = np.array([[0.0, 0.75, 0.25], [0.5, 0.0, 0.5], [0.25, 0.75, 0.0]])  # inverse, decoupled, coupled
DMIN, DMAX = 40, 400
NU = 4.0
DEFAULT_DAYS, WARMUP, DAYS_PER_YEAR = 2520, 504, 252
SCENARIOS = ("switch", "jitter", "stress", "gcop", "drift", "null")
# annualised vol, alpha, beta, gamma(GJR)
GARCH = {"btc": (0.60, 0.09, 0.89, 0.0), "rut": (0.22, 0.08, 0.90, 0.0)}
GARCH_STRESS = {"btc": (0.60, 0.12, 0.86, 0.0), "rut": (0.22, 0.02, 0.88, 0.14)}
DRIFT = {"mu": 0.12, "phi": 0.98, "sd": 0.40}


def _rng(salt: str, scenario: str, path: int) -> np.random.Generator:
    return np.random.default_rng([zlib.crc32(salt.encode()), zlib.crc32(scenario.encode()), path])


def duration_pmf() -> np.ndarray:
    """pmf over d = 0..DMAX of floor(exp(U(ln DMIN, ln(DMAX+1))))."""
    d = np.arange(DMAX + 1, dtype=float)
    p = np.zeros(DMAX + 1)
    k = d >= DMIN
    p[k] = (np.log(d[k] + 1) - np.log(d[k])) / (np.log(DMAX + 1) - np.log(DMIN))
    return p


def _band(s: int) -> tuple[float, float]:
    return ((-0.85, THR_LO - 0.03), (THR_LO + 0.03, THR_HI - 0.03), (THR_HI + 0.03, 0.9))[s]


def _rho_path(scenario: str, days: int, rng) -> tuple[np.ndarray, np.ndarray]:
    if scenario == "null":
        s = rng.integers(3)
        return np.full(days, LEVELS[s]), np.full(days, LABELS[s])
    if scenario == "drift":
        phi, sd, mu = DRIFT["phi"], DRIFT["sd"], DRIFT["mu"]
        # stationary var of critically damped AR(2) with unit noise: (1+phi^2)/((1-phi^2)^3)
        e = rng.standard_normal(days + 600) * sd / np.sqrt((1 + phi**2) / (1 - phi**2) ** 3)
        z = np.zeros(days + 600)
        for t in range(2, days + 600):
            z[t] = 2 * phi * z[t - 1] - phi * phi * z[t - 2] + e[t]
        rho = np.tanh(mu + z[600:])
        return rho, np.where(rho >= THR_HI, 1, np.where(rho <= THR_LO, -1, 0))
    rho, lab = np.empty(days), np.empty(days, int)
    s, t = rng.integers(3), 0
    while t < days:
        d = int(np.floor(np.exp(rng.uniform(np.log(DMIN), np.log(DMAX + 1)))))
        lev = LEVELS[s]
        if scenario in ("jitter", "stress"):
            lo, hi = _band(s)
            for _ in range(1000):
                lev = rng.normal(LEVELS[s], 0.10)
                if lo < lev < hi:
                    break
        rho[t : t + d], lab[t : t + d] = lev, LABELS[s]
        t, s = t + d, rng.choice(3, p=TRANS[s])
    return rho, lab


_erf = np.vectorize(math.erf, otypes=[float])


def _t4_from_normal(n: np.ndarray) -> np.ndarray:
    """unit-variance t(4) quantile of Phi(n) (closed form)."""
    p = np.clip(0.5 * (1 + _erf(n / math.sqrt(2))), 1e-12, 1 - 1e-12)
    a = np.clip(4 * p * (1 - p), 1e-300, 1.0)
    sa = np.sqrt(a)
    q = np.cos(np.arccos(sa) / 3) / sa
    return np.sign(p - 0.5) * 2 * np.sqrt(np.maximum(q - 1, 0)) / math.sqrt(2)


def simulate(scenario: str, paths: int, days: int = DEFAULT_DAYS, salt: str = "dev", first: int = 0) -> dict[str, Any]:
    """Markets of one scenario.

    returns, sigma (true conditional daily volatility): float64[paths, days, 2]; rho, labels: [paths, days].
    """
    rho, lab = np.empty((paths, days)), np.empty((paths, days), int)
    z, lat = np.empty((paths, days, 2)), np.empty((paths, days, 2))
    nu = 3.2 if scenario == "stress" else NU
    for p in range(paths):
        g = _rng(salt, scenario, first + p)
        rho[p], lab[p] = _rho_path(scenario, days, g)
        n = g.standard_normal((days, 2))
        w = np.sqrt((nu - 2) / g.chisquare(nu, days))[:, None]
        if scenario == "gcop":
            n[:, 1] = rho[p] * n[:, 0] + np.sqrt(1 - rho[p] ** 2) * n[:, 1]
            lat[p], z[p] = n, _t4_from_normal(n)
            continue
        z[p] = n * w
        z[p, :, 1] = rho[p] * z[p, :, 0] + np.sqrt(1 - rho[p] ** 2) * z[p, :, 1]
        if scenario == "stress":
            hit = g.random(days) < 0.01
            z[p, hit, 0] += 4.0 * g.standard_normal(hit.sum())
    garch = GARCH_STRESS if scenario == "stress" else GARCH
    r, sig = np.empty((paths, days, 2)), np.empty((paths, days, 2))
    for j, k in enumerate(("btc", "rut")):
        vol, a, b, gam = garch[k]
        v = vol**2 / DAYS_PER_YEAR
        om = v * (1 - a - b - gam / 2)
        h = np.full(paths, v)
        for t in range(days):
            sig[:, t, j] = np.sqrt(h)
            x = sig[:, t, j] * z[:, t, j]
            r[:, t, j] = x
            h = om + (a + gam * (x < 0)) * x * x + b * h
    return {"returns": r, "rho": rho, "labels": lab, "sigma": sig, "nu": nu, "scenario": scenario, "latent": lat}


def t_loglik(z: np.ndarray, rho, nu: float = NU) -> np.ndarray:
    """log density (up to rho-free constants) of a unit-variance bivariate t; z[...,2] broadcast with rho."""
    om = 1 - rho * rho
    q = (z[..., 0] ** 2 - 2 * rho * z[..., 0] * z[..., 1] + z[..., 1] ** 2) / om
    if nu > 1e6:  # Gaussian
        return -0.5 * np.log(om) - 0.5 * q
    return -0.5 * np.log(om) - 0.5 * (nu + 2) * np.log1p(q / (nu - 2))


def oracle_probs(sim: dict, n_lev: int = 9, n_particles: int = 3000) -> np.ndarray:
    """Bayes filter with every parameter known; probs [paths,days,3]. Exact for switch, gcop, null; level grid for
    jitter and stress (stress ignores the 1 % shocks, so it is only near-optimal); particle filter for drift."""
    r, sig, sc, nu = sim["returns"], sim["sigma"], sim["scenario"], sim["nu"]
    paths, days, _ = r.shape
    z = r / sig
    if sc == "gcop":
        z, nu = sim["latent"], 1e9
    out = np.empty((paths, days, 3))
    if sc == "drift":
        g = np.random.default_rng(7)
        phi, sd, mu = DRIFT["phi"], DRIFT["sd"], DRIFT["mu"]
        se = sd / np.sqrt((1 + phi**2) / (1 - phi**2) ** 3)
        r1 = 2 * phi / (1 + phi * phi)
        for p in range(paths):
            a = sd * g.standard_normal(n_particles)
            b = r1 * a + sd * np.sqrt(1 - r1 * r1) * g.standard_normal(n_particles)
            for t in range(days):
                a, b = 2 * phi * a - phi * phi * b + se * g.standard_normal(n_particles), a
                rho = np.clip(np.tanh(mu + a), -0.995, 0.995)
                w = t_loglik(z[p, t], rho, nu)
                w = np.exp(w - w.max())
                w /= w.sum()
                lo, hi = w[rho <= THR_LO].sum(), w[rho >= THR_HI].sum()
                out[p, t] = lo, 1 - lo - hi, hi
                i = np.minimum(
                    np.searchsorted(np.cumsum(w), (g.random() + np.arange(n_particles)) / n_particles), n_particles - 1
                )
                a, b = a[i], b[i]
        return out
    if sc == "null":  # knows nothing ever changes
        ll = np.stack([t_loglik(z, L, nu) for L in LEVELS], -1).cumsum(1)
        ll -= ll.max(-1, keepdims=True)
        w = np.exp(ll)
        return w / w.sum(-1, keepdims=True)
    pmf = duration_pmf()
    surv = 1 - np.concatenate([[0], np.cumsum(pmf)[:-1]])  # P(duration >= d)
    haz = np.where(surv > 1e-12, pmf / np.maximum(surv, 1e-12), 1.0)[1:]  # hazard of ending after age d (d=1..DMAX)
    haz[-1] = 1.0
    if sc in ("switch", "gcop"):
        lev = [np.array([L]) for L in LEVELS]
        lw = [np.array([1.0])] * 3
    else:
        x = np.linspace(-2.4, 2.4, n_lev)
        lev, lw = [], []
        for s in range(3):
            lo, hi = _band(s)
            level = LEVELS[s] + 0.10 * x
            w = np.exp(-0.5 * x * x) * (level > lo) * (level < hi)
            lev.append(level)
            lw.append(w / w.sum())
    kinds = len(lev[0])
    prior = DMAX
    for p in range(paths):
        q = np.zeros((3, kinds, prior))  # predictive over (state, level, age-1)
        for s in range(3):
            q[s, :, 0] = lw[s] / 3
        lik_l = np.stack([[np.exp(t_loglik(z[p], lev[s][k], nu)) for k in range(kinds)] for s in range(3)])
        for t in range(days):
            q *= lik_l[:, :, t, None]
            q /= q.sum()
            out[p, t] = q.sum((1, 2))
            end = (q * haz).sum((1, 2))
            q[:, :, 1:] = (q * (1 - haz))[:, :, :-1]
            new = end @ TRANS
            for s in range(3):
                q[s, :, 0] = new[s] * lw[s]
    return out


def score(labels, truth, probs=None, warm: int = WARMUP, run: int = 10, min_seg: int = 20) -> dict:
    """labels, truth [paths,days] (and probs [paths,days,3]); everything before `warm` is ignored."""
    paths, days = truth.shape
    y, yh = truth[:, warm:], labels[:, warm:]
    cm = np.array([[np.sum((y == a) & (yh == b)) for b in LABELS] for a in LABELS], float)
    with np.errstate(invalid="ignore", divide="ignore"):
        f1 = 2 * np.diag(cm) / (cm.sum(0) + cm.sum(1))
    present = cm.sum(1) > 0
    delays, missed, n_chg, false, n_sw = [], 0, 0, 0, 0
    for p in range(paths):
        a, b = y[p], yh[p]
        edges = np.flatnonzero(np.diff(a)) + 1
        seg = np.concatenate([[0], edges, [len(a)]])
        for s, e in pairwise(seg):
            st = a[s]
            if s > 0 and e - s >= min_seg:
                n_chg += 1
                hit = b[s:e] == st
                d = None
                for i in np.flatnonzero(hit):
                    if hit[i : i + run].all():
                        d = i
                        break
                if d is None:
                    missed += 1
                    d = e - s
                delays.append(d)
        segid = np.zeros(len(a), int)
        segid[edges] = 1
        segid = segid.cumsum()
        sw = np.flatnonzero(np.diff(b)) + 1
        n_sw += len(sw)
        seen = {0} if b[0] == a[0] else set()
        for t in sw:
            if b[t] == a[t] and segid[t] not in seen:
                seen.add(segid[t])
            else:
                false += 1
    yrs = paths * (days - warm) / DAYS_PER_YEAR
    m = {
        "accuracy": float(np.mean(y == yh)),
        "macro_f1": float(np.nanmean(f1[present])),
        "delay_median": float(np.median(delays)) if delays else None,
        "delay_p90": float(np.percentile(delays, 90)) if delays else None,
        "missed": missed / n_chg if n_chg else None,
        "false_per_year": false / yrs,
        "switches_per_year": n_sw / yrs,
        "true_changes_per_year": n_chg / yrs,
        "acc_se": float(np.std((y == yh).mean(1), ddof=1) / np.sqrt(paths)) if paths > 1 else None,
    }
    if probs is not None:
        q = np.clip(probs[:, warm:], 1e-6, None)
        q = q / q.sum(-1, keepdims=True)
        k = y + 1
        pk = np.take_along_axis(q, k[..., None], -1)[..., 0]
        m["log_loss"] = float(-np.mean(np.log(pk)))
        m["brier"] = float(np.mean(((q - np.eye(3)[k]) ** 2).sum(-1)))
        conf, hit = q.max(-1).ravel(), (LABELS[q.argmax(-1)] == y).ravel()
        bins = np.clip((conf * 10).astype(int), 0, 9)
        m["ece"] = float(
            sum(
                abs(hit[bins == i].mean() - conf[bins == i].mean()) * (bins == i).mean()
                for i in range(10)
                if (bins == i).any()
            )
        )
    return m
