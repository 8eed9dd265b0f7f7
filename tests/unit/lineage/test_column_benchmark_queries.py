"""Decision-support queries in the manner of TPC-H and TPC-DS: many joins, correlated sub-queries, reports over reports."""

from __future__ import annotations

import pytest

from tests.unit.lineage.reading_cases import Case, check

TPCH = {
    "part": [
        "p_partkey", "p_name", "p_mfgr", "p_brand", "p_type", "p_size", "p_container", "p_retailprice", "p_comment",
    ],
    "supplier": [
        "s_suppkey", "s_name", "s_address", "s_nationkey", "s_phone", "s_acctbal", "s_comment",
    ],
    "partsupp": [
        "ps_partkey", "ps_suppkey", "ps_availqty", "ps_supplycost", "ps_comment",
    ],
    "customer": [
        "c_custkey", "c_name", "c_address", "c_nationkey", "c_phone", "c_acctbal", "c_mktsegment", "c_comment",
    ],
    "orders": [
        "o_orderkey", "o_custkey", "o_orderstatus", "o_totalprice", "o_orderdate", "o_orderpriority", "o_clerk",
        "o_shippriority", "o_comment",
    ],
    "lineitem": [
        "l_orderkey", "l_partkey", "l_suppkey", "l_linenumber", "l_quantity", "l_extendedprice", "l_discount",
        "l_tax", "l_returnflag", "l_linestatus", "l_shipdate", "l_commitdate", "l_receiptdate", "l_shipinstruct",
        "l_shipmode", "l_comment",
    ],
    "nation": [
        "n_nationkey", "n_name", "n_regionkey", "n_comment",
    ],
    "region": [
        "r_regionkey", "r_name", "r_comment",
    ],
}  # fmt: skip

RETAIL = {
    "store_sales": [
        "ss_sold_date_sk", "ss_item_sk", "ss_customer_sk", "ss_store_sk", "ss_ticket_number", "ss_quantity",
        "ss_sales_price", "ss_ext_sales_price", "ss_net_profit",
    ],
    "store_returns": [
        "sr_returned_date_sk", "sr_item_sk", "sr_customer_sk", "sr_store_sk", "sr_ticket_number", "sr_return_amt",
    ],
    "web_sales": [
        "ws_sold_date_sk", "ws_item_sk", "ws_bill_customer_sk", "ws_ext_sales_price", "ws_net_profit",
    ],
    "date_dim": [
        "d_date_sk", "d_date", "d_year", "d_moy", "d_qoy",
    ],
    "item": [
        "i_item_sk", "i_item_id", "i_brand", "i_category", "i_current_price",
    ],
    "store": [
        "s_store_sk", "s_store_name", "s_state",
    ],
    "customer": [
        "c_customer_sk", "c_customer_id", "c_first_name", "c_last_name", "c_birth_year",
    ],
}  # fmt: skip

CASES = [
    Case(
        """
        select l_returnflag, l_linestatus, sum(l_quantity) as sum_qty, sum(l_extendedprice) as sum_base_price,
        sum(l_extendedprice*(1-l_discount)) as sum_disc_price, sum(l_extendedprice*(1-l_discount)*(1+l_tax)) as
        sum_charge, avg(l_quantity) as avg_qty, avg(l_discount) as avg_disc, count(*) as count_order from lineitem where
        l_shipdate <= date '1998-12-01' - interval '90' day group by l_returnflag, l_linestatus order by l_returnflag,
        l_linestatus
        """,
        """
        * <- filter lineitem.l_shipdate, group_by lineitem.l_linestatus, group_by lineitem.l_returnflag,
            sort lineitem.l_linestatus, sort lineitem.l_returnflag
        avg_disc <- aggregation lineitem.l_discount
        avg_qty <- aggregation lineitem.l_quantity
        count_order <-
        l_linestatus <- identity lineitem.l_linestatus
        l_returnflag <- identity lineitem.l_returnflag
        sum_base_price <- aggregation lineitem.l_extendedprice
        sum_charge <- aggregation lineitem.l_discount, aggregation lineitem.l_extendedprice,
            aggregation lineitem.l_tax
        sum_disc_price <- aggregation lineitem.l_discount, aggregation lineitem.l_extendedprice
        sum_qty <- aggregation lineitem.l_quantity
        """,
        dialect="duckdb",
        schema=TPCH,
    ),
    Case(
        """
        select s_acctbal, s_name, n_name, p_partkey, p_mfgr, s_address, s_phone, s_comment from part, supplier,
        partsupp, nation, region where p_partkey = ps_partkey and s_suppkey = ps_suppkey and p_size = 15 and p_type like
        '%BRASS' and s_nationkey = n_nationkey and n_regionkey = r_regionkey and r_name = 'EUROPE' and ps_supplycost =
        (select min(ps_supplycost) from partsupp, supplier, nation, region where p_partkey = ps_partkey and s_suppkey =
        ps_suppkey and s_nationkey = n_nationkey and n_regionkey = r_regionkey and r_name = 'EUROPE') order by s_acctbal
        desc, n_name, s_name, p_partkey limit 100
        """,
        """
        * <- filter nation.n_nationkey, filter nation.n_regionkey, filter part.p_partkey, filter part.p_size,
            filter part.p_type, filter partsupp.ps_partkey, filter partsupp.ps_suppkey, filter partsupp.ps_supplycost,
            filter region.r_name, filter region.r_regionkey, filter supplier.s_nationkey, filter supplier.s_suppkey,
            sort nation.n_name, sort part.p_partkey, sort supplier.s_acctbal, sort supplier.s_name
        n_name <- identity nation.n_name
        p_mfgr <- identity part.p_mfgr
        p_partkey <- identity part.p_partkey
        s_acctbal <- identity supplier.s_acctbal
        s_address <- identity supplier.s_address
        s_comment <- identity supplier.s_comment
        s_name <- identity supplier.s_name
        s_phone <- identity supplier.s_phone
        """,
        dialect="duckdb",
        schema=TPCH,
    ),
    Case(
        """
        select supp_nation, cust_nation, l_year, sum(volume) as revenue from (select n1.n_name as supp_nation, n2.n_name
        as cust_nation, extract(year from l_shipdate) as l_year, l_extendedprice * (1 - l_discount) as volume from
        supplier, lineitem, orders, customer, nation n1, nation n2 where s_suppkey = l_suppkey and o_orderkey =
        l_orderkey and c_custkey = o_custkey and s_nationkey = n1.n_nationkey and c_nationkey = n2.n_nationkey and
        ((n1.n_name = 'FRANCE' and n2.n_name = 'GERMANY') or (n1.n_name = 'GERMANY' and n2.n_name = 'FRANCE')) and
        l_shipdate between date '1995-01-01' and date '1996-12-31') as shipping group by supp_nation, cust_nation,
        l_year order by supp_nation, cust_nation, l_year
        """,
        """
        * <- filter customer.c_custkey, filter customer.c_nationkey, filter lineitem.l_orderkey,
            filter lineitem.l_shipdate, filter lineitem.l_suppkey, filter nation.n_name, filter nation.n_nationkey,
            filter orders.o_custkey, filter orders.o_orderkey, filter supplier.s_nationkey, filter supplier.s_suppkey,
            group_by lineitem.l_shipdate, group_by nation.n_name, sort lineitem.l_shipdate, sort nation.n_name
        cust_nation <- identity nation.n_name
        l_year <- transformation lineitem.l_shipdate
        revenue <- aggregation lineitem.l_discount, aggregation lineitem.l_extendedprice
        supp_nation <- identity nation.n_name
        """,
        dialect="duckdb",
        schema=TPCH,
    ),
    Case(
        """
        select o_year, sum(case when nation = 'BRAZIL' then volume else 0 end) / sum(volume) as mkt_share from (select
        extract(year from o_orderdate) as o_year, l_extendedprice * (1 - l_discount) as volume, n2.n_name as nation from
        part, supplier, lineitem, orders, customer, nation n1, nation n2, region where p_partkey = l_partkey and
        s_suppkey = l_suppkey and l_orderkey = o_orderkey and o_custkey = c_custkey and c_nationkey = n1.n_nationkey and
        n1.n_regionkey = r_regionkey and r_name = 'AMERICA' and s_nationkey = n2.n_nationkey and o_orderdate between
        date '1995-01-01' and date '1996-12-31' and p_type = 'ECONOMY ANODIZED STEEL') as all_nations group by o_year
        order by o_year
        """,
        """
        * <- filter customer.c_custkey, filter customer.c_nationkey, filter lineitem.l_orderkey,
            filter lineitem.l_partkey, filter lineitem.l_suppkey, filter nation.n_nationkey, filter nation.n_regionkey,
            filter orders.o_custkey, filter orders.o_orderdate, filter orders.o_orderkey, filter part.p_partkey,
            filter part.p_type, filter region.r_name, filter region.r_regionkey, filter supplier.s_nationkey,
            filter supplier.s_suppkey, group_by orders.o_orderdate, sort orders.o_orderdate
        mkt_share <- aggregation lineitem.l_discount, aggregation lineitem.l_extendedprice, conditional nation.n_name
        o_year <- transformation orders.o_orderdate
        """,
        dialect="duckdb",
        schema=TPCH,
    ),
    Case(
        """
        select ps_partkey, sum(ps_supplycost * ps_availqty) as value from partsupp, supplier, nation where ps_suppkey =
        s_suppkey and s_nationkey = n_nationkey and n_name = 'GERMANY' group by ps_partkey having sum(ps_supplycost *
        ps_availqty) > (select sum(ps_supplycost * ps_availqty) * 0.0001 from partsupp, supplier, nation where
        ps_suppkey = s_suppkey and s_nationkey = n_nationkey and n_name = 'GERMANY') order by value desc
        """,
        """
        * <- filter nation.n_name, filter nation.n_nationkey, filter partsupp.ps_availqty, filter partsupp.ps_suppkey,
            filter partsupp.ps_supplycost, filter supplier.s_nationkey, filter supplier.s_suppkey,
            group_by partsupp.ps_partkey, sort partsupp.ps_availqty, sort partsupp.ps_supplycost
        ps_partkey <- identity partsupp.ps_partkey
        value <- aggregation partsupp.ps_availqty, aggregation partsupp.ps_supplycost
        """,
        dialect="duckdb",
        schema=TPCH,
    ),
    Case(
        """
        select c_count, count(*) as custdist from (select c_custkey, count(o_orderkey) from customer left outer join
        orders on c_custkey = o_custkey and o_comment not like '%special%requests%' group by c_custkey) as c_orders
        (c_custkey, c_count) group by c_count order by custdist desc, c_count desc
        """,
        """
        * <- group_by customer.c_custkey, join customer.c_custkey, join orders.o_comment, join orders.o_custkey,
            masked group_by orders.o_orderkey, masked sort orders.o_orderkey
        c_count <- masked aggregation orders.o_orderkey
        custdist <-
        """,
        dialect="duckdb",
        schema=TPCH,
    ),
    Case(
        """
        with revenue (supplier_no, total_revenue) as (select l_suppkey, sum(l_extendedprice * (1 - l_discount)) from
        lineitem where l_shipdate >= date '1996-01-01' group by l_suppkey) select s_suppkey, s_name, s_address, s_phone,
        total_revenue from supplier, revenue where s_suppkey = supplier_no and total_revenue = (select
        max(total_revenue) from revenue) order by s_suppkey
        """,
        """
        * <- filter lineitem.l_discount, filter lineitem.l_extendedprice, filter lineitem.l_shipdate,
            filter lineitem.l_suppkey, filter supplier.s_suppkey, group_by lineitem.l_suppkey, sort supplier.s_suppkey
        s_address <- identity supplier.s_address
        s_name <- identity supplier.s_name
        s_phone <- identity supplier.s_phone
        s_suppkey <- identity supplier.s_suppkey
        total_revenue <- aggregation lineitem.l_discount, aggregation lineitem.l_extendedprice
        """,
        dialect="duckdb",
        schema=TPCH,
    ),
    Case(
        """
        select sum(l_extendedprice) / 7.0 as avg_yearly from lineitem, part where p_partkey = l_partkey and p_brand =
        'Brand#23' and l_quantity < (select 0.2 * avg(l_quantity) from lineitem where l_partkey = p_partkey)
        """,
        """
        avg_yearly <- aggregation lineitem.l_extendedprice, filter lineitem.l_partkey, filter lineitem.l_quantity,
            filter part.p_brand, filter part.p_partkey
        """,
        dialect="duckdb",
        schema=TPCH,
    ),
    Case(
        """
        select c_name, c_custkey, o_orderkey, o_orderdate, o_totalprice, sum(l_quantity) from customer, orders, lineitem
        where o_orderkey in (select l_orderkey from lineitem group by l_orderkey having sum(l_quantity) > 300) and
        c_custkey = o_custkey and o_orderkey = l_orderkey group by c_name, c_custkey, o_orderkey, o_orderdate,
        o_totalprice order by o_totalprice desc, o_orderdate limit 100
        """,
        """
        * <- filter customer.c_custkey, filter lineitem.l_orderkey, filter lineitem.l_quantity,
            filter orders.o_custkey, filter orders.o_orderkey, group_by customer.c_custkey, group_by customer.c_name,
            group_by orders.o_orderdate, group_by orders.o_orderkey, group_by orders.o_totalprice,
            sort orders.o_orderdate, sort orders.o_totalprice
        _col_5 <- aggregation lineitem.l_quantity
        c_custkey <- identity customer.c_custkey
        c_name <- identity customer.c_name
        o_orderdate <- identity orders.o_orderdate
        o_orderkey <- identity orders.o_orderkey
        o_totalprice <- identity orders.o_totalprice
        """,
        dialect="duckdb",
        schema=TPCH,
    ),
    Case(
        """
        select s_name, s_address from supplier, nation where s_suppkey in (select ps_suppkey from partsupp where
        ps_partkey in (select p_partkey from part where p_name like 'forest%') and ps_availqty > (select 0.5 *
        sum(l_quantity) from lineitem where l_partkey = ps_partkey and l_suppkey = ps_suppkey and l_shipdate >= date
        '1994-01-01')) and s_nationkey = n_nationkey and n_name = 'CANADA' order by s_name
        """,
        """
        * <- filter lineitem.l_partkey, filter lineitem.l_quantity, filter lineitem.l_shipdate,
            filter lineitem.l_suppkey, filter nation.n_name, filter nation.n_nationkey, filter part.p_name,
            filter part.p_partkey, filter partsupp.ps_availqty, filter partsupp.ps_partkey, filter partsupp.ps_suppkey,
            filter supplier.s_nationkey, filter supplier.s_suppkey, sort supplier.s_name
        s_address <- identity supplier.s_address
        s_name <- identity supplier.s_name
        """,
        dialect="duckdb",
        schema=TPCH,
    ),
    Case(
        """
        select s_name, count(*) as numwait from supplier, lineitem l1, orders, nation where s_suppkey = l1.l_suppkey and
        o_orderkey = l1.l_orderkey and o_orderstatus = 'F' and l1.l_receiptdate > l1.l_commitdate and exists (select *
        from lineitem l2 where l2.l_orderkey = l1.l_orderkey and l2.l_suppkey <> l1.l_suppkey) and not exists (select *
        from lineitem l3 where l3.l_orderkey = l1.l_orderkey and l3.l_suppkey <> l1.l_suppkey and l3.l_receiptdate >
        l3.l_commitdate) and s_nationkey = n_nationkey and n_name = 'SAUDI ARABIA' group by s_name order by numwait
        desc, s_name limit 100
        """,
        """
        * <- filter lineitem.l_commitdate, filter lineitem.l_orderkey, filter lineitem.l_receiptdate,
            filter lineitem.l_suppkey, filter nation.n_name, filter nation.n_nationkey, filter orders.o_orderkey,
            filter orders.o_orderstatus, filter supplier.s_nationkey, filter supplier.s_suppkey,
            group_by supplier.s_name, sort supplier.s_name
        numwait <-
        s_name <- identity supplier.s_name
        """,
        dialect="duckdb",
        schema=TPCH,
    ),
    Case(
        """
        select cntrycode, count(*) as numcust, sum(c_acctbal) as totacctbal from (select substring(c_phone from 1 for 2)
        as cntrycode, c_acctbal from customer where substring(c_phone from 1 for 2) in ('13', '31') and c_acctbal >
        (select avg(c_acctbal) from customer where c_acctbal > 0.00) and not exists (select * from orders where
        o_custkey = c_custkey)) as custsale group by cntrycode order by cntrycode
        """,
        """
        * <- filter customer.c_acctbal, filter customer.c_custkey, filter customer.c_phone, filter orders.o_custkey,
            group_by customer.c_phone, sort customer.c_phone
        cntrycode <- transformation customer.c_phone
        numcust <-
        totacctbal <- aggregation customer.c_acctbal
        """,
        dialect="duckdb",
        schema=TPCH,
    ),
    Case(
        """
        with customer_total_return as (select sr_customer_sk as ctr_customer_sk, sr_store_sk as ctr_store_sk,
        sum(sr_return_amt) as ctr_total_return from store_returns, date_dim where sr_returned_date_sk = d_date_sk and
        d_year = 2000 group by sr_customer_sk, sr_store_sk) select c_customer_id from customer_total_return ctr1, store,
        customer where ctr1.ctr_total_return > (select avg(ctr_total_return) * 1.2 from customer_total_return ctr2 where
        ctr1.ctr_store_sk = ctr2.ctr_store_sk) and s_store_sk = ctr1.ctr_store_sk and s_state = 'TN' and
        ctr1.ctr_customer_sk = c_customer_sk order by c_customer_id limit 100
        """,
        """
        c_customer_id <- identity customer.c_customer_id, filter customer.c_customer_sk, filter date_dim.d_date_sk,
            filter date_dim.d_year, filter store.s_state, filter store.s_store_sk, filter store_returns.sr_customer_sk,
            filter store_returns.sr_return_amt, filter store_returns.sr_returned_date_sk,
            filter store_returns.sr_store_sk, group_by store_returns.sr_customer_sk,
            group_by store_returns.sr_store_sk, sort customer.c_customer_id
        """,
        schema=RETAIL,
    ),
    Case(
        """
        with year_total as (select c_customer_id as customer_id, c_last_name as last_name, d_year as year,
        sum(ss_ext_sales_price) as total, 's' as sale_type from customer, store_sales, date_dim where c_customer_sk =
        ss_customer_sk and ss_sold_date_sk = d_date_sk group by c_customer_id, c_last_name, d_year union all select
        c_customer_id, c_last_name, d_year, sum(ws_ext_sales_price), 'w' from customer, web_sales, date_dim where
        c_customer_sk = ws_bill_customer_sk and ws_sold_date_sk = d_date_sk group by c_customer_id, c_last_name, d_year)
        select s2.customer_id, s2.last_name, case when s1.total > 0 then s2.total / s1.total end as growth from
        year_total s1 join year_total s2 on s2.customer_id = s1.customer_id where s1.sale_type = 's' and s2.sale_type =
        's' and s1.year = 2001 and s2.year = 2002
        """,
        """
        * <- filter customer.c_customer_sk, filter date_dim.d_date_sk, filter date_dim.d_year,
            filter store_sales.ss_customer_sk, filter store_sales.ss_sold_date_sk,
            filter web_sales.ws_bill_customer_sk, filter web_sales.ws_sold_date_sk, group_by customer.c_customer_id,
            group_by customer.c_last_name, group_by date_dim.d_year, join customer.c_customer_id
        customer_id <- identity customer.c_customer_id
        growth <- aggregation store_sales.ss_ext_sales_price, aggregation web_sales.ws_ext_sales_price,
            conditional store_sales.ss_ext_sales_price, conditional web_sales.ws_ext_sales_price
        last_name <- identity customer.c_last_name
        """,
        dialect="spark",
        schema=RETAIL,
    ),
    Case(
        """
        select i_category, i_brand, d_year, d_moy, sum_sales, avg(sum_sales) over (partition by i_category, i_brand,
        d_year) as avg_monthly, lag(sum_sales) over (partition by i_category, i_brand order by d_year, d_moy) as psum,
        rank() over (partition by i_category order by d_year, d_moy) as rn from (select i_category, i_brand, d_year,
        d_moy, sum(ss_sales_price) as sum_sales from item join store_sales on ss_item_sk = i_item_sk join date_dim on
        ss_sold_date_sk = d_date_sk group by i_category, i_brand, d_year, d_moy) v1 where sum_sales > 0 qualify rn > 1
        """,
        """
        * <- filter date_dim.d_moy, filter date_dim.d_year, filter item.i_category, filter store_sales.ss_sales_price,
            group_by date_dim.d_moy, group_by date_dim.d_year, group_by item.i_brand, group_by item.i_category,
            join date_dim.d_date_sk, join item.i_item_sk, join store_sales.ss_item_sk,
            join store_sales.ss_sold_date_sk
        avg_monthly <- aggregation store_sales.ss_sales_price, window date_dim.d_year, window item.i_brand,
            window item.i_category
        d_moy <- identity date_dim.d_moy
        d_year <- identity date_dim.d_year
        i_brand <- identity item.i_brand
        i_category <- identity item.i_category
        psum <- aggregation store_sales.ss_sales_price, window date_dim.d_moy, window date_dim.d_year,
            window item.i_brand, window item.i_category
        rn <- window date_dim.d_moy, window date_dim.d_year, window item.i_category
        sum_sales <- aggregation store_sales.ss_sales_price
        """,
        schema=RETAIL,
    ),
    Case(
        """
        with ssr as (select s_store_name as id, sum(sales_price) as sales, sum(return_amt) as returns_ from (select
        ss_store_sk as store_sk, ss_sold_date_sk as date_sk, ss_ext_sales_price as sales_price, cast(0 as decimal(7, 2))
        as return_amt from store_sales union all select sr_store_sk, sr_returned_date_sk, cast(0 as decimal(7, 2)),
        sr_return_amt from store_returns) salesreturns, date_dim, store where date_sk = d_date_sk and store_sk =
        s_store_sk group by s_store_name) select 'store channel' as channel, id, sum(sales) as sales, sum(returns_) as
        returns_ from ssr group by rollup (channel, id) order by channel, id
        """,
        """
        * <- filter date_dim.d_date_sk, filter store.s_store_sk, filter store_returns.sr_returned_date_sk,
            filter store_returns.sr_store_sk, filter store_sales.ss_sold_date_sk, filter store_sales.ss_store_sk,
            group_by store.s_store_name, sort store.s_store_name
        channel <-
        id <- identity store.s_store_name
        returns_ <- aggregation store_returns.sr_return_amt
        sales <- aggregation store_sales.ss_ext_sales_price
        """,
        dialect="postgres",
        schema=RETAIL,
    ),
    Case(
        """
        select i_item_id, sum(case when d_moy = 1 then ss_sales_price end) as jan, sum(case when d_moy = 2 then
        ss_sales_price end) as feb from store_sales, date_dim, item where d_date_sk = ss_sold_date_sk and i_item_sk =
        ss_item_sk and i_current_price between 10 and 20 group by i_item_id
        """,
        """
        * <- filter date_dim.d_date_sk, filter item.i_current_price, filter item.i_item_sk,
            filter store_sales.ss_item_sk, filter store_sales.ss_sold_date_sk, group_by item.i_item_id
        feb <- aggregation store_sales.ss_sales_price, conditional date_dim.d_moy
        i_item_id <- identity item.i_item_id
        jan <- aggregation store_sales.ss_sales_price, conditional date_dim.d_moy
        """,
        dialect="snowflake",
        schema=RETAIL,
    ),
    Case(
        """
        select asceding.rnk, i1.i_item_id as best_performing, i2.i_item_id as worst_performing from (select * from
        (select item_sk, rank() over (order by rank_col asc) as rnk from (select ss_item_sk as item_sk,
        avg(ss_net_profit) as rank_col from store_sales ss1 where ss_store_sk = 4 group by ss_item_sk having
        avg(ss_net_profit) > 0.9 * (select avg(ss_net_profit) as rank_col from store_sales where ss_store_sk = 4 and
        ss_customer_sk is null group by ss_store_sk)) v1) v11 where rnk < 11) asceding, (select * from (select item_sk,
        rank() over (order by rank_col desc) as rnk from (select ss_item_sk as item_sk, avg(ss_net_profit) as rank_col
        from store_sales where ss_store_sk = 4 group by ss_item_sk) v2) v21 where rnk < 11) descending, item i1, item i2
        where asceding.rnk = descending.rnk and i1.i_item_sk = asceding.item_sk and i2.i_item_sk = descending.item_sk
        order by asceding.rnk
        """,
        """
        * <- filter item.i_item_sk, filter store_sales.ss_customer_sk, filter store_sales.ss_item_sk,
            filter store_sales.ss_net_profit, filter store_sales.ss_store_sk, group_by store_sales.ss_item_sk,
            sort store_sales.ss_net_profit
        best_performing <- identity item.i_item_id
        rnk <- window store_sales.ss_net_profit
        worst_performing <- identity item.i_item_id
        """,
        dialect="duckdb",
        schema=RETAIL,
    ),
    Case(
        """
        with frequent as (select substr(i_brand, 1, 30) as itemdesc, i_item_sk as item_sk, d_date as solddate, count(*)
        as cnt from store_sales, date_dim, item where ss_sold_date_sk = d_date_sk and ss_item_sk = i_item_sk group by
        substr(i_brand, 1, 30), i_item_sk, d_date having count(*) > 4), max_sales as (select max(csales) as cmax from
        (select c_customer_sk, sum(ss_quantity * ss_sales_price) as csales from store_sales, customer where
        ss_customer_sk = c_customer_sk group by c_customer_sk) x), best as (select c_customer_sk, sum(ss_quantity *
        ss_sales_price) as ssales from store_sales, customer where ss_customer_sk = c_customer_sk group by c_customer_sk
        having sum(ss_quantity * ss_sales_price) > 0.5 * (select * from max_sales)) select sum(sales) as sales from
        (select ws_ext_sales_price as sales from web_sales, date_dim where ws_sold_date_sk = d_date_sk and ws_item_sk in
        (select item_sk from frequent) and ws_bill_customer_sk in (select c_customer_sk from best)) y
        """,
        """
        sales <- aggregation web_sales.ws_ext_sales_price, filter customer.c_customer_sk, filter date_dim.d_date,
            filter date_dim.d_date_sk, filter item.i_brand, filter item.i_item_sk, filter store_sales.ss_customer_sk,
            filter store_sales.ss_item_sk, filter store_sales.ss_quantity, filter store_sales.ss_sales_price,
            filter store_sales.ss_sold_date_sk, filter web_sales.ws_bill_customer_sk, filter web_sales.ws_item_sk,
            filter web_sales.ws_sold_date_sk
        """,
        dialect="trino",
        schema=RETAIL,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_has_exactly_the_edges(case: Case) -> None:
    check(case)
