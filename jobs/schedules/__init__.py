"""Example schedules of a nightly run over new documents: systemd, cron, Kubernetes, Airflow."""
