"""What happens around the epochs of a training: scores, the kept epoch, logs, the progress line."""
