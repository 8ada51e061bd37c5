/* Metrics in Prometheus's text format 0.0.4. */
#include "base/metric.h"
#include "test/unit/unit.h"

struct comp {
	metric_t lines, depth;
};

static const struct metric comp_metrics[] = {
	METRIC_COUNTER(struct comp, lines, "lines_read_total", "Lines read."),
	METRIC_GAUGE(struct comp, depth, "depth_bytes", "C:\\n\nis escaped."),
	METRIC_END
};

START_TEST(print_grouped)
{
	struct comp a = { 0 }, b = { 0 };
	struct sb labels = SB_INIT, out = SB_INIT;

	metric_add(&a.lines, 5);
	metric_add_shared(&b.lines, INT64_C(5000000000));
	metric_set(&b.depth, -1);
	metric_label(&labels, "source", "r\"1\\\n");
	metric_label(&labels, "agent", "a1");
	ck_assert_str_eq(labels.ptr, "source=\"r\\\"1\\\\\\n\",agent=\"a1\"");
	metrics_print(&out, (struct metric_object[]){
	    { comp_metrics, &b, "leat_source_", "source=\"r2\"" },
	    { comp_metrics, &a, "leat_source_", labels.ptr },
	    { comp_metrics, &a, "leat_", "" },
	    { NULL, NULL, "x_", "" } }, 4);
	ck_assert_str_eq(out.ptr,
	    "# HELP leat_depth_bytes C:\\\\n\\nis escaped.\n"
	    "# TYPE leat_depth_bytes gauge\n"
	    "leat_depth_bytes 0\n"
	    "# HELP leat_lines_read_total Lines read.\n"
	    "# TYPE leat_lines_read_total counter\n"
	    "leat_lines_read_total 5\n"
	    "# HELP leat_source_depth_bytes C:\\\\n\\nis escaped.\n"
	    "# TYPE leat_source_depth_bytes gauge\n"
	    "leat_source_depth_bytes{source=\"r2\"} -1\n"
	    "leat_source_depth_bytes{source=\"r\\\"1\\\\\\n\",agent=\"a1\"} 0\n"
	    "# HELP leat_source_lines_read_total Lines read.\n"
	    "# TYPE leat_source_lines_read_total counter\n"
	    "leat_source_lines_read_total{source=\"r2\"} 5000000000\n"
	    "leat_source_lines_read_total{source=\"r\\\"1\\\\\\n\",agent=\"a1\"}"
	    " 5\n");
	sb_fini(&out);
	sb_fini(&labels);
}
END_TEST

/* The same full name out of two prefixes is one family. */
START_TEST(print_joined_names)
{
	static const struct metric x[] = {
		METRIC_COUNTER(struct comp, lines, "b_c", "Doc."), METRIC_END
	}, y[] = {
		METRIC_COUNTER(struct comp, lines, "c", "Doc."), METRIC_END
	};
	struct comp c = { 0 };
	struct sb out = SB_INIT;

	metrics_print(&out, (struct metric_object[]){ { x, &c, "a_", "k=\"1\"" },
	    { y, &c, "a_b_", "k=\"2\"" } }, 2);
	ck_assert_str_eq(out.ptr, "# HELP a_b_c Doc.\n# TYPE a_b_c counter\n"
	    "a_b_c{k=\"1\"} 0\na_b_c{k=\"2\"} 0\n");
	sb_fini(&out);
	metrics_print(&out, NULL, 0);
	ck_assert_uint_eq(out.len, 0);
}
END_TEST

static const struct unit_test tests[] = {
	{ .fn = &print_grouped },
	{ .fn = &print_joined_names },
};

int
main(void)
{
	return (UNIT_MAIN("metric", tests));
}
