-- A row for each trace: how much it allocates, frees and keeps.
SELECT
  release,
  trace,
  COUNT(*) AS events,
  SUM(requested_bytes) AS requested_bytes,
  SUM(CASE WHEN live_change_bytes < 0 THEN 1 ELSE 0 END) AS shrinking_events,
  SUM(live_change_bytes) AS live_bytes_at_end
FROM events
GROUP BY release, trace
ORDER BY release, trace
