select
    json_extract(value, '$.node') as node,
    json_extract(value, '$.replica') as replica,
    json_extract(value, '$.model') as model,
    json_extract(value, '$.state') as state,
    json_extract(value, '$.reason') as reason,
    json_extract(value, '$.engine') as engine,
    json_extract(value, '$.runtime') as runtime,
    json_extract(value, '$.identity.pid') as pid,
    json_extract(value, '$.devices') as devices,
    json_extract(value, '$.memory_bytes') as memory_bytes,
    json_extract(value, '$.context') as context,
    json_extract(value, '$.failures') as failures,
    datetime(json_extract(value, '$.since'), 'unixepoch') as since,
    revision
from entry
where key >= 'engines/' and key < 'engines0'
order by node, replica
