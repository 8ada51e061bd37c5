/*
 * What one node with one copy in one folder answers about leaders, replicas
 * and where they lie.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "broker/broker_priv.h"
#include "broker/partition.h"
#include "broker/topic.h"
#include "kafka/errors.h"
#include "kafka/messages.h"

static bool
exists(struct broker *b, struct slice topic, int32_t partition)
{
	struct topic *t = topic_find(b, topic);
	bool there = t != NULL && topic_partition(t, partition) != NULL;

	topic_unref(t);
	return (there);
}

/* --- ElectLeaders --- */

static void
elect(struct request *r, struct slice topic, int32_t partition,
    struct km_elect_leaders_response_partition *out)
{
	const struct km_elect_leaders_request *in = r->in;

	out->partition_id = partition;
	if (in->election_type != 0 && in->election_type != 1) {
		out->error_code = KERR_INVALID_REQUEST;
		out->error_message = SLICE("The type of election is 0 "
		    "(preferred) or 1 (unclean).");
	} else if (!exists(r->broker, topic, partition)) {
		out->error_code = KERR_UNKNOWN_TOPIC_OR_PARTITION;
		out->error_message = SLICE("There is no such partition.");
	} else {
		out->error_code = KERR_ELECTION_NOT_NEEDED;
		out->error_message = SLICE("Leader election not needed for "
		    "topic partition.");
	}
}

/* Of all partitions (null), none needs one; those are not listed. */
void
handle_elect_leaders(struct request *r)
{
	const struct km_elect_leaders_request *in = r->in;
	struct km_elect_leaders_response resp;
	int32_t i, k, n = in->topic_partitions.n;

	kw_defaults(&kd_elect_leaders_response, &resp);
	KARRAY_NEW(resp.replica_election_results,
	    &kd_elect_leaders_response_topic, n < 0 ? 0 : (size_t)n,
	    &r->arena);
	for (i = 0; i < n; i++) {
		const struct km_elect_leaders_request_topic *q =
		    &in->topic_partitions.v[i];
		struct km_elect_leaders_response_topic *t =
		    &resp.replica_election_results.v[i];

		t->topic = q->topic;
		KARRAY_NEW(t->partition_result,
		    &kd_elect_leaders_response_partition,
		    (size_t)q->partitions.n, &r->arena);
		for (k = 0; k < q->partitions.n; k++)
			elect(r, q->topic, q->partitions.v[k],
			    &t->partition_result.v[k]);
	}
	request_reply(r, &resp);
}

/* --- reassignments --- */

static void
reassign(struct request *r, struct slice topic,
    const struct km_alter_partition_reassignments_request_partition *in,
    struct km_alter_partition_reassignments_response_partition *out)
{
	out->partition_index = in->partition_index;
	if (!exists(r->broker, topic, in->partition_index)) {
		out->error_code = KERR_UNKNOWN_TOPIC_OR_PARTITION;
		out->error_message = SLICE("There is no such partition.");
	} else if (in->replicas.n < 0) {
		out->error_code = KERR_NO_REASSIGNMENT_IN_PROGRESS;
		out->error_message = SLICE("No partition reassignment is in "
		    "progress.");
	} else if (in->replicas.n != 1 ||
	    in->replicas.v[0] != r->broker->node_id) {
		out->error_code = KERR_INVALID_REPLICA_ASSIGNMENT;
		out->error_message = SLICE("There is one broker: each "
		    "partition has one replica on it.");
	}
}

void
handle_alter_partition_reassignments(struct request *r)
{
	const struct km_alter_partition_reassignments_request *in = r->in;
	struct km_alter_partition_reassignments_response resp;
	int32_t i, k;

	kw_defaults(&kd_alter_partition_reassignments_response, &resp);
	KARRAY_NEW(resp.responses,
	    &kd_alter_partition_reassignments_response_result,
	    (size_t)in->topics.n, &r->arena);
	for (i = 0; i < in->topics.n; i++) {
		const struct km_alter_partition_reassignments_request_topic *q =
		    &in->topics.v[i];
		struct km_alter_partition_reassignments_response_result *t =
		    &resp.responses.v[i];

		t->name = q->name;
		KARRAY_NEW(t->partitions,
		    &kd_alter_partition_reassignments_response_partition,
		    (size_t)q->partitions.n, &r->arena);
		for (k = 0; k < q->partitions.n; k++)
			reassign(r, q->name, &q->partitions.v[k],
			    &t->partitions.v[k]);
	}
	request_reply(r, &resp);
}

void
handle_list_partition_reassignments(struct request *r)
{
	struct km_list_partition_reassignments_response resp;

	kw_defaults(&kd_list_partition_reassignments_response, &resp);
	request_reply(r, &resp);
}

/* --- folders --- */

/* As clients see it: absolute. */
static struct slice
folder(struct request *r)
{
	char path[PATH_MAX];

	return (arena_copy(&r->arena, slice_str(realpath(r->broker->dir,
	    path) != NULL ? path : r->broker->dir)));
}

static int16_t
move_to(struct request *r, bool here, struct slice topic, int32_t partition)
{
	if (!exists(r->broker, topic, partition))
		return (KERR_UNKNOWN_TOPIC_OR_PARTITION);
	return (here ? KERR_NONE : KERR_LOG_DIR_NOT_FOUND);
}

/* There is one folder; everything is in it already. */
void
handle_alter_replica_log_dirs(struct request *r)
{
	const struct km_alter_replica_log_dirs_request *in = r->in;
	struct km_alter_replica_log_dirs_response resp;
	struct km_alter_replica_log_dirs_response_result *out;
	struct slice dir = folder(r);
	size_t n = 0;
	int32_t i, k, m;

	kw_defaults(&kd_alter_replica_log_dirs_response, &resp);
	for (i = 0; i < in->dirs.n; i++)
		n += (size_t)in->dirs.v[i].topics.n;
	KARRAY_NEW(resp.results, &kd_alter_replica_log_dirs_response_result, n,
	    &r->arena);
	out = resp.results.v;
	for (i = 0; i < in->dirs.n; i++)
		for (k = 0; k < in->dirs.v[i].topics.n; k++, out++) {
			const struct km_alter_replica_log_dirs_request_topic
			    *q = &in->dirs.v[i].topics.v[k];

			out->topic_name = q->name;
			KARRAY_NEW(out->partitions,
			    &kd_alter_replica_log_dirs_response_partition,
			    (size_t)q->partitions.n, &r->arena);
			for (m = 0; m < q->partitions.n; m++) {
				out->partitions.v[m].partition_index =
				    q->partitions.v[m];
				out->partitions.v[m].error_code = move_to(r,
				    slice_eq(in->dirs.v[i].path, dir),
				    q->name, q->partitions.v[m]);
			}
		}
	request_reply(r, &resp);
}

/* Of a log that nobody has opened yet: what its files have. */
static int64_t
size_of_files(struct partition *p)
{
	char name[272];
	struct dirent *de;
	struct stat st;
	int64_t sum = 0;
	size_t len;
	int dirfd;
	DIR *dp;

	dirfd = openat(p->topic->broker->dirfd, partition_name(p, name),
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd == -1 || (dp = fdopendir(dirfd)) == NULL) {
		if (dirfd != -1)
			close(dirfd);
		return (0);
	}
	while ((de = readdir(dp)) != NULL)
		if ((len = strlen(de->d_name)) > 4 &&
		    strcmp(de->d_name + len - 4, ".log") == 0 &&
		    fstatat(dirfd, de->d_name, &st, 0) == 0)
			sum += st.st_size;
	closedir(dp);
	return (sum);
}

static void
put_partition(struct topic *t, int32_t index,
    struct km_describe_log_dirs_response_topic *out)
{
	struct km_describe_log_dirs_response_partition *o;
	struct partition *p = topic_partition(t, index);

	if (p == NULL)
		return;
	o = &out->partitions.v[out->partitions.n++];
	o->partition_index = index;
	o->partition_size = partition_is_open(p) ?
	    (int64_t)seglog_bytes(p->log) : size_of_files(p);
}

/* q NULL: all partitions. */
static void
put_topic(struct request *r, struct topic *t,
    const struct km_describe_log_dirs_request_topic *q,
    struct km_describe_log_dirs_response_topic *out)
{
	int32_t i, n = q != NULL ? q->partitions.n :
	    atomic_load(&t->npartitions);

	out->name = arena_copy(&r->arena, slice_str(t->name));
	KARRAY_NEW(out->partitions, &kd_describe_log_dirs_response_partition,
	    (size_t)n, &r->arena);
	out->partitions.n = 0;
	for (i = 0; i < n; i++)
		put_partition(t, q != NULL ? q->partitions.v[i] : i, out);
}

static void
put_all(struct request *r, struct km_describe_log_dirs_response_result *out)
{
	struct topic **v;
	size_t i, n;

	n = topic_list(r->broker, &v);
	KARRAY_NEW(out->topics, &kd_describe_log_dirs_response_topic, n,
	    &r->arena);
	for (i = 0; i < n; i++) {
		put_topic(r, v[i], NULL, &out->topics.v[i]);
		topic_unref(v[i]);
	}
	free(v);
}

/* Topics and partitions that are not there are left out, as in Kafka. */
static void
put_asked(struct request *r, struct km_describe_log_dirs_response_result *out)
{
	const struct km_describe_log_dirs_request *in = r->in;
	struct topic *t;
	int32_t i;

	KARRAY_NEW(out->topics, &kd_describe_log_dirs_response_topic,
	    (size_t)in->topics.n, &r->arena);
	out->topics.n = 0;
	for (i = 0; i < in->topics.n; i++) {
		t = topic_find(r->broker, in->topics.v[i].topic);
		if (t == NULL)
			continue;
		put_topic(r, t, &in->topics.v[i],
		    &out->topics.v[out->topics.n++]);
		topic_unref(t);
	}
}

void
handle_describe_log_dirs(struct request *r)
{
	const struct km_describe_log_dirs_request *in = r->in;
	struct km_describe_log_dirs_response resp;
	struct km_describe_log_dirs_response_result *out;
	uint64_t avail, total;

	kw_defaults(&kd_describe_log_dirs_response, &resp);
	KARRAY_NEW(resp.results, &kd_describe_log_dirs_response_result, 1,
	    &r->arena);
	out = &resp.results.v[0];
	out->log_dir = folder(r);
	if (fs_space(r->broker->dirfd, &avail, &total, NULL) == 0) {
		out->total_bytes = (int64_t)total;
		out->usable_bytes = (int64_t)avail;
	}
	if (in->topics.n < 0)
		put_all(r, out);
	else
		put_asked(r, out);
	request_reply(r, &resp);
}
