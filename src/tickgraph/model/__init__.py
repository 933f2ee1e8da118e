"""The network: layers, weights, the compiled training program, calibration."""
