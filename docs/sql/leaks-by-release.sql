-- What is live at the end of each release's traces, by call site: a block's free counts for the site that allocated it.
SELECT
  release,
  COALESCE(site, cache, '(unknown)') AS site,
  SUM(live_change_bytes) AS live_bytes_at_end
FROM events
GROUP BY release, COALESCE(site, cache, '(unknown)')
HAVING SUM(live_change_bytes) > 0
ORDER BY release, live_bytes_at_end DESC, site
