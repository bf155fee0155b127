select
    id,
    datetime(at, 'unixepoch') as at,
    severity,
    kind,
    subject,
    model,
    message
from event
order by id
