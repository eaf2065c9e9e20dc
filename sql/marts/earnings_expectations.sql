-- Grain: one row per index, fiscal year, day of publication and publisher. What was expected of earnings, once it was public.
-- Key: index_name, fiscal_year, published_on, publisher.
select
    index_name,
    fiscal_year,
    published_on,
    publisher,
    eps_growth_pct,
    source_note
from core.published_expectations
where published_on <= getvariable('as_of')
