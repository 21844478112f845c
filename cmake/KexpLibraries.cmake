# Every library by rank: a link or an include goes down a rank, never sideways. scripts/check-ranks.py reads this table.
set(KEXP_RANK_0 core)
set(KEXP_RANK_1 cycle record image stats table net)
set(KEXP_RANK_2 dataset kafka inference prom telemetry manifest)
set(KEXP_RANK_3 feeder consumer tracker extractor)
set(KEXP_LIBRARIES ${KEXP_RANK_0} ${KEXP_RANK_1} ${KEXP_RANK_2} ${KEXP_RANK_3})
