"""Claims in, verdicts out: cells, bounds, certificates, exact claims, calibration."""
