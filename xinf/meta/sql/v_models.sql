select
    name,
    owner,
    override,
    json_extract(spec, '$.engine') as engine,
    json_extract(spec, '$.source') as source,
    json_extract(spec, '$.replicas') as replicas,
    json_extract(spec, '$.activation') as activation,
    json_extract(spec, '$.priority') as priority,
    json_extract(spec, '$.context') as context,
    revision
from (
    select
        substr(key, length('models/') + 1) as name,
        -- A launch speaks over the file.
        coalesce(json_extract(value, '$.launched'), json_extract(value, '$.declared')) as spec,
        case when json_extract(value, '$.launched') is null then 'declared' else 'launched' end as owner,
        json_extract(value, '$.override') as override,
        revision
    from entry
    where key >= 'models/' and key < 'models0'
)
order by name
