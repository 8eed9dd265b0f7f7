-- One row per event. Of the page only the path stays, and only where it is made of plain characters: what stands behind '?' or '#'
-- goes, and a path with anything else in it (an e-mail address, for one) becomes '/removed'.
WITH events AS (
  SELECT
    e.event_id,
    e.event_time,
    get_json_object(e.payload, '$.user_id') AS user_id,
    get_json_object(e.payload, '$.event_type') AS event_type,
    split_part(split_part(get_json_object(e.payload, '$.page_url'), '?', 1), '#', 1) AS address,
    get_json_object(e.payload, '$.ip') AS ip,
    get_json_object(e.payload, '$.metadata.product_id') AS product_id,
    get_json_object(e.payload, '$.metadata.order_id') AS order_id,
    e.source_partition,
    e.source_offset
  FROM bronze.clickstream AS e
),
pages AS (
  SELECT
    v.*,
    replace(v.address, concat(split_part(v.address, '/', 1), '//', split_part(v.address, '/', 3)), '') AS path
  FROM events AS v
)
SELECT
  p.event_id AS event_id,
  p.event_time AS event_time,
  p.user_id AS user_token,
  CASE WHEN p.user_id LIKE 'a-%' THEN 'anonymous' ELSE 'customer' END AS user_kind,
  p.event_type AS event_type,
  CASE
    WHEN p.path = '' THEN '/'
    WHEN translate(p.path, 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/-_.', '') = '' THEN p.path
    ELSE '/removed'
  END AS page_path,
  p.ip AS ip,
  p.product_id AS product_id,
  p.order_id AS order_id,
  p.source_partition AS source_partition,
  p.source_offset AS source_offset
FROM pages AS p
