-- Sizes of which half, nine in ten and 99 in a hundred allocations are no larger, by release, over its whole fleet.
-- By counting sizes first and no function for percentiles, for which every engine has another name.
WITH sizes AS (
  SELECT release, requested_bytes AS size_bytes, COUNT(*) AS allocations
  FROM events
  WHERE requested_bytes > 0
  GROUP BY release, requested_bytes
),
ranked AS (
  SELECT
    release,
    size_bytes,
    SUM(allocations) OVER (PARTITION BY release ORDER BY size_bytes) AS up_to_here,
    SUM(allocations) OVER (PARTITION BY release) AS whole
  FROM sizes
)
SELECT
  release,
  MIN(CASE WHEN up_to_here >= 0.5 * whole THEN size_bytes END) AS p50_bytes,
  MIN(CASE WHEN up_to_here >= 0.9 * whole THEN size_bytes END) AS p90_bytes,
  MIN(CASE WHEN up_to_here >= 0.99 * whole THEN size_bytes END) AS p99_bytes,
  MAX(size_bytes) AS largest_bytes
FROM ranked
GROUP BY release
ORDER BY release
