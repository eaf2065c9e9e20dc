-- Grain: one row per symbol of any universe and NYSE session with a return, as known at the end of the as-of date.
-- Key: symbol, session.
-- Why here: a universe mixes catalog symbols, whose sessions core has aligned already, with symbols of its own; after this
-- model nobody has to know which is which. A return spans consecutive sessions or is absent.
with members as (
    select distinct symbol
    from core.universe_members
),

own_bars as (
    select
        b.symbol,
        s.session,
        s.session_number,
        coalesce(b.adj_close, b.close) as price
    from known.universe_bars as b
    inner join members as m on b.symbol = m.symbol
    inner join core.sessions as s on b.date = s.session
    where b.date <= getvariable('as_of') and b.symbol not in (select k.id from core.symbols as k)
),

own_returns as (
    select
        symbol,
        session,
        case
            when session_number = 1 + lag(session_number) over (partition by symbol order by session)
                then ln(price / lag(price) over (partition by symbol order by session))
        end as log_return
    from own_bars
)

select
    p.symbol,
    p.session,
    p.log_return
from core.session_prices as p
inner join members as m on p.symbol = m.symbol
where p.log_return is not null
union all
select
    symbol,
    session,
    log_return
from own_returns
where log_return is not null
