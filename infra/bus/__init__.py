"""Kafka: producing, consuming many jobs at once, topics, and reading aside."""
