-- The call sites that ask for most, over all releases and traces; of those without call sites, their caches.
SELECT
  COALESCE(site, cache, '(unknown)') AS site,
  COUNT(*) AS allocations,
  SUM(requested_bytes) AS requested_bytes,
  COUNT(DISTINCT trace) AS traces
FROM events
WHERE requested_bytes > 0
GROUP BY COALESCE(site, cache, '(unknown)')
ORDER BY requested_bytes DESC, site
LIMIT 20
