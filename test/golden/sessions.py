#!/usr/bin/env python3
"""Makes test/fuzz/corpus/session: sessions with the broker, for fuzz_session.c,
which says what their bytes are.

    /tmp/golden/bin/python test/golden/sessions.py	(make.py says which)

A step is (API, fields) or (API, fields, flags).  What is not said has its
default; fields that a version lacks are left out.  Each session is written in
the newest versions (NAME), the oldest that are served (NAME-old) and those in
between (NAME-mid); the script fails when an API is in none of them.
"""
import os
import struct
import uuid

from kafka.record.default_records import DefaultRecordBatchBuilder

from make import HERE, message_class, served

FOLDER = os.path.join(HERE, '..', 'fuzz', 'corpus', 'session')
SECOND, NO_WAIT = 0x8000, 0x4000        # of a step
RAW, NO_FIT, LEAVE, AGAIN = 1, 2, 4, 8  # of a session
GIVEN = -2                              # the broker said it before
GIVEN_ID = uuid.UUID(int=(1 << 128) - 1)
GIVEN_MEMBER = '$'
NO_ID = uuid.UUID(int=0)
TIME = 1700000000000
SERVED = {name: (key, low, high) for key, name, _, low, high in served()}


def fill(field, given, version):
    unknown = set(given) - {f.name for f in field._fields}
    if unknown:
        raise KeyError('%s: %s; has %s' % (field.name, unknown, [
            f.name for f in field._fields]))
    out = {}
    for f in field._fields:
        if not f.for_version_q(version):
            continue
        if f.name not in given:
            if f.tag is None:
                out[f.name] = default(f, version)
        elif f.is_struct_array() and given[f.name] is not None:
            out[f.name] = [fill(f, g, version) for g in given[f.name]]
        elif f.is_struct() and given[f.name] is not None:
            out[f.name] = fill(f, given[f.name], version)
        else:
            out[f.name] = given[f.name]
    return out


def default(f, version):
    if f.is_array() or f.is_struct_array():
        return []
    if f.is_struct():
        return None if f.nullable_for_version_q(version) else \
            fill(f, {}, version)
    if f.type_str == 'uuid':
        return NO_ID
    if f.type_str == 'string' and f.default is None and \
            not f.nullable_for_version_q(version):
        return ''
    return f.default


def body(api, version, fields):
    cls = message_class(api + 'Request')
    flexible = cls.flexible_version_q(version)
    return cls._struct.encode(fill(cls._struct, fields, version),
                              version=version, compact=flexible,
                              tagged=flexible)


def step(api, version, data, flags=0):
    return struct.pack('>HHI', SERVED[api][0] | flags, version,
                       len(data)) + data


def write(name, flags, data):
    with open(os.path.join(FOLDER, name), 'wb') as f:
        f.write(bytes((flags,)) + data)


def batch(values, codec=0, key=b'k', producer=False, sequence=0,
          transactional=False):
    b = DefaultRecordBatchBuilder(
        2, codec, batch_size=1 << 20, producer_id=0 if producer else -1,
        producer_epoch=0 if producer else -1,
        base_sequence=sequence if producer else -1,
        is_transactional=transactional)
    for i, value in enumerate(values):
        b.append(i, TIME + i, key, value, [('h', b'1')] if i == 0 else [])
    out = bytearray(b.build())
    if producer:
        struct.pack_into('>qh', out, 43, GIVEN, GIVEN)
    return bytes(out)


# --- steps ---

def hello():
    return ('ApiVersions', dict(client_software_name='fuzz',
                                client_software_version='1'))


def create(name='t', partitions=1, **configs):
    return ('CreateTopics', dict(topics=[dict(
        name=name, num_partitions=partitions, replication_factor=1,
        configs=[dict(name=k.replace('_', '.'), value=v)
                 for k, v in configs.items()])], timeout_ms=1000))


def metadata(name='t'):
    return ('Metadata', dict(topics=[dict(name=name, topic_id=NO_ID)],
                             allow_auto_topic_creation=True))


def produce(records, acks=-1, name='t', partition=0, transactional_id=None,
            flags=0):
    return ('Produce', dict(
        transactional_id=transactional_id, acks=acks, timeout_ms=1000,
        topic_data=[dict(name=name, topic_id=GIVEN_ID, partition_data=[
            dict(index=partition, records=records)])]), flags)


def fetch(offset=0, name='t', partition=0, session=0, epoch=-1, isolation=0,
          wait=0, forgotten=(), flags=0):
    topics = [] if offset is None else [dict(
        topic=name, topic_id=GIVEN_ID, partitions=[dict(
            partition=partition, fetch_offset=offset,
            partition_max_bytes=65536)])]
    return ('Fetch', dict(
        replica_id=-1, max_wait_ms=wait, min_bytes=1, max_bytes=65536,
        isolation_level=isolation, session_id=session, session_epoch=epoch,
        topics=topics, forgotten_topics_data=[
            dict(topic=name, topic_id=GIVEN_ID, partitions=list(forgotten))
        ] if forgotten else []), flags)


def list_offsets(*times, isolation=0):
    return ('ListOffsets', dict(
        replica_id=-1, isolation_level=isolation, timeout_ms=100,
        topics=[dict(name='t', partitions=[
            dict(partition_index=0, timestamp=t, max_num_offsets=2)
            for t in times])]))


def parts(name='t', field='partitions', *which):
    return {'name': name, field: list(which) or [0]}


def config(api, kind, name, configs, **more):
    extra = dict(config_operation=0) if api.startswith('Incr') else {}
    return (api, dict(resources=[dict(
        resource_type=kind, resource_name=name,
        configs=[dict(name=k, value=v, **extra) for k, v in configs])],
        **more))


def transaction():
    return dict(transactional_id='x', producer_id=GIVEN, producer_epoch=GIVEN)


def init_producer(transactional_id, known=False):
    return ('InitProducerId', dict(
        transactional_id=transactional_id, transaction_timeout_ms=60000,
        producer_id=GIVEN if known else -1,
        producer_epoch=GIVEN if known else -1))


def add_partitions():
    return ('AddPartitionsToTxn', dict(
        v3_and_below_transactional_id='x', v3_and_below_producer_id=GIVEN,
        v3_and_below_producer_epoch=GIVEN,
        v3_and_below_topics=[parts()]))


def add_offsets():
    return ('AddOffsetsToTxn', dict(group_id='g', **transaction()))


def commit_in_transaction():
    return ('TxnOffsetCommit', dict(
        group_id='g', generation_id=-1, topics=[dict(
            name='t', partitions=[dict(partition_index=0, committed_offset=1,
                                       committed_metadata='m')])],
        **transaction()))


def end_transaction(committed):
    return ('EndTxn', dict(committed=committed, **transaction()))


def member(instance=None):
    return dict(group_id='g', member_id=GIVEN_MEMBER, generation_id=GIVEN,
                group_instance_id=instance)


def join(member_id='', instance=None, flags=0):
    return ('JoinGroup', dict(
        group_id='g', session_timeout_ms=10000, rebalance_timeout_ms=10000,
        member_id=member_id, group_instance_id=instance,
        protocol_type='consumer', protocols=[
            dict(name='range', metadata=b'\0\1\0\0\0\1\0\1t\0\0\0\0'),
            dict(name='roundrobin', metadata=b'')]), flags)


def sync(assigned=True, instance=None, flags=0):
    return ('SyncGroup', dict(
        protocol_type='consumer', protocol_name='range', assignments=[
            dict(member_id=GIVEN_MEMBER, assignment=b'all')
        ] if assigned else [], **member(instance)), flags)


def heartbeat(instance=None, flags=0):
    return ('Heartbeat', member(instance), flags)


def leave(instance=None, flags=0):
    return ('LeaveGroup', dict(
        group_id='g', member_id=GIVEN_MEMBER, members=[
            dict(member_id=GIVEN_MEMBER, group_instance_id=instance,
                 reason='done')]), flags)


def commit(as_member):
    return ('OffsetCommit', dict(
        group_id='g', member_id=GIVEN_MEMBER if as_member else '',
        generation_id_or_member_epoch=GIVEN if as_member else -1,
        retention_time_ms=-1, topics=[dict(name='t', partitions=[
            dict(partition_index=p, committed_offset=3 + p,
                 committed_leader_epoch=0, committed_metadata='m')
            for p in (0, 1)])]))


def offsets(require_stable=False):
    topics = [parts('t', 'partition_indexes', 0, 1)]
    return ('OffsetFetch', dict(
        group_id='g', topics=topics, require_stable=require_stable,
        groups=[dict(group_id='g', topics=topics),
                dict(group_id='other', topics=None)]))


def coordinator(kind, *keys):
    return ('FindCoordinator', dict(key=keys[0], key_type=kind,
                                    coordinator_keys=list(keys)))


# --- sessions ---

def records_session():
    return [
        hello(), create('t', 2), metadata(),
        produce(batch([b'one', b'two'])), produce(batch([b'three']), 1),
        produce(batch([b'four'], key=None), 0),
        produce(batch([b'5']), 1, partition=1),
        fetch(0, session=0, epoch=0), fetch(None, session=GIVEN, epoch=1),
        fetch(2, session=GIVEN, epoch=2, wait=100, forgotten=[1]),
        fetch(0, session=GIVEN, epoch=-1),
        list_offsets(-1, -2, TIME), list_offsets(-3, -4, TIME + 1, -5),
        ('OffsetForLeaderEpoch', dict(replica_id=-1, topics=[dict(
            topic='t', partitions=[dict(partition=0, leader_epoch=0)])])),
        ('DeleteRecords', dict(timeout_ms=100, topics=[dict(
            name='t', partitions=[dict(partition_index=0, offset=2)])])),
        fetch(0), fetch(2, partition=0), fetch(99, wait=100)]


def codecs_session():
    return [hello(), create(compression_type='gzip', segment_bytes='4096'),
            metadata()] + \
        [produce(batch([b'value %d' % codec] * 9, codec), flags=NO_WAIT)
         for codec in range(5)] + [fetch(), fetch(17), list_offsets(TIME + 5)]


def producer_session():
    one = batch([b'a'], producer=True)
    return [
        hello(), create(), metadata(), init_producer(None), produce(one),
        produce(one), produce(batch([b'b', b'c'], producer=True, sequence=1)),
        produce(batch([b'd'], producer=True, sequence=9)),
        ('DescribeProducers', dict(topics=[
            parts('t', 'partition_indexes', 0, 7)])),
        init_producer(None, True), fetch()]


def write_marker():
    return ('WriteTxnMarkers', dict(markers=[dict(
        producer_id=GIVEN, producer_epoch=GIVEN, transaction_result=False,
        topics=[parts('t', 'partition_indexes', 0, 7)],
        coordinator_epoch=0)]))


def transaction_session():
    def of(n):
        return batch([b'in'], producer=True, sequence=n, transactional=True)
    return [
        hello(), create(), metadata(), coordinator(1, 'x'),
        init_producer('x'), add_partitions(),
        produce(of(0), transactional_id='x'),
        fetch(0, isolation=1), add_offsets(), commit_in_transaction(),
        ('DescribeTransactions', dict(transactional_ids=['x', 'y'])),
        ('ListTransactions', dict(state_filters=['Ongoing'],
                                  duration_filter=-1,
                                  transactional_id_pattern='x.*')),
        offsets(True), end_transaction(True), offsets(True),
        init_producer('x'), add_partitions(),
        produce(of(0), transactional_id='x'), end_transaction(False),
        fetch(0, isolation=1), list_offsets(-1, -2, isolation=1),
        write_marker(), init_producer('x', True)]


def open_session():
    """Ends within a transaction."""
    return transaction_session()[:13]


def fenced_session():
    one = batch([b'in'], producer=True, transactional=True)
    return [
        hello(), create(), metadata(), init_producer('x'), add_partitions(),
        produce(one, transactional_id='x', flags=NO_WAIT),
        hello() + (SECOND,), init_producer('x') + (SECOND,),
        end_transaction(True), produce(one, transactional_id='x'),
        end_transaction(True) + (SECOND,), fetch(0, isolation=1)]


def group_session():
    return [
        hello(), create('t', 2), coordinator(0, 'g', 'other'),
        join(), join(GIVEN_MEMBER), sync(), heartbeat(), commit(True),
        offsets(), ('DescribeGroups', dict(groups=['g', 'other'])),
        ('ListGroups', dict(states_filter=['Stable'],
                            types_filter=['classic'])),
        join(GIVEN_MEMBER), sync(), leave(), commit(False),
        ('OffsetDelete', dict(group_id='g', topics=[dict(
            name='t', partitions=[dict(partition_index=1)])])),
        offsets(), ('DeleteGroups', dict(groups_names=['g', 'other']))]


def members_session():
    return [
        hello(), join(), join(GIVEN_MEMBER), sync(),
        join(flags=SECOND), join(GIVEN_MEMBER, flags=SECOND | NO_WAIT),
        heartbeat(), join(GIVEN_MEMBER), hello() + (SECOND,),
        sync(False, flags=SECOND | NO_WAIT), sync(),
        heartbeat(flags=SECOND), leave(), heartbeat(flags=SECOND),
        join(GIVEN_MEMBER, flags=SECOND), sync(flags=SECOND),
        leave(flags=SECOND)]


def static_session():
    return [
        join(instance='i'), sync(instance='i'), heartbeat('i'),
        join(instance='i', flags=SECOND), sync(instance='i'),
        sync(instance='i', flags=SECOND), heartbeat('i', flags=SECOND),
        ('DescribeGroups', dict(groups=['g'])), leave('i', flags=SECOND)]


def topics_session():
    return [
        hello(), create('t', 2, cleanup_policy='compact', retention_ms='1000'),
        ('CreateTopics', dict(validate_only=True, timeout_ms=10, topics=[dict(
            name='u', num_partitions=-1, replication_factor=-1, assignments=[
                dict(partition_index=0, broker_ids=[1])])])),
        ('CreatePartitions', dict(timeout_ms=10, topics=[
            dict(name='t', count=4, assignments=None),
            dict(name='u', count=2, assignments=[dict(broker_ids=[1])])])),
        metadata(), ('Metadata', dict(topics=[])),
        ('DescribeTopicPartitions', dict(
            topics=[dict(name='t')], response_partition_limit=2,
            cursor=dict(topic_name='t', partition_index=1))),
        ('DescribeCluster', dict(endpoint_type=1)),
        ('ElectLeaders', dict(election_type=0, timeout_ms=10,
                              topic_partitions=[dict(topic='t',
                                                     partitions=[0])])),
        ('AlterPartitionReassignments', dict(timeout_ms=10, topics=[dict(
            name='t', partitions=[dict(partition_index=0, replicas=[1]),
                                  dict(partition_index=1,
                                       replicas=None)])])),
        ('ListPartitionReassignments', dict(timeout_ms=10, topics=[
            parts('t', 'partition_indexes', 0)])),
        ('AlterReplicaLogDirs', dict(dirs=[dict(
            path='/d', topics=[parts()])])),
        ('DescribeLogDirs', dict(topics=[dict(topic='t', partitions=[0])])),
        ('DescribeLogDirs', dict(topics=None)),
        ('DeleteTopics', dict(timeout_ms=10, topic_names=['t', 'u'], topics=[
            dict(name='t', topic_id=NO_ID),
            dict(name=None, topic_id=GIVEN_ID)])),
        metadata()]


def configs_session():
    return [
        create(), config('AlterConfigs', 2, 't', [('retention.ms', '5')]),
        config('AlterConfigs', 4, '1', [('log.retention.ms', '7')],
               validate_only=True),
        config('IncrementalAlterConfigs', 2, 't', [
            ('cleanup.policy', 'compact'), ('segment.bytes', '8192'),
            ('no.such', 'x')]),
        config('IncrementalAlterConfigs', 4, '', [
            ('message.max.bytes', '4096')]),
        ('DescribeConfigs', dict(include_synonyms=True, resources=[
            dict(resource_type=2, resource_name='t',
                 configuration_keys=['retention.ms', 'segment.bytes']),
            dict(resource_type=4, resource_name='1',
                 configuration_keys=None)])),
        ('ListConfigResources', dict(resource_types=[2, 4])),
        ('UpdateFeatures', dict(timeout_ms=10, feature_updates=[dict(
            feature='transaction.version', max_version_level=2,
            allow_downgrade=False, upgrade_type=1)])),
        produce(batch([b'x' * 99])), fetch()]


def security_session():
    entity = [dict(entity_type='user', entity_name='u')]
    acl = dict(resource_type=2, resource_name='t', resource_pattern_type=3,
               principal='User:u', host='*', operation=3, permission_type=3)
    match = dict(resource_type_filter=2, resource_name_filter='t',
                 pattern_type_filter=3, principal_filter='User:u',
                 host_filter='*', operation=3, permission_type=3)
    return [
        ('SaslHandshake', dict(mechanism='PLAIN')),
        ('SaslAuthenticate', dict(auth_bytes=b'\0u\0p')),
        ('DescribeAcls', match), ('CreateAcls', dict(creations=[acl])),
        ('DeleteAcls', dict(filters=[match])),
        ('DescribeClientQuotas', dict(strict=True, components=[
            dict(entity_type='user', match_type=0, match='u')])),
        ('AlterClientQuotas', dict(entries=[dict(entity=entity, ops=[
            dict(key='producer_byte_rate', value=1.0, remove=False)])])),
        ('DescribeUserScramCredentials', dict(users=[dict(name='u')])),
        ('AlterUserScramCredentials', dict(
            deletions=[dict(name='u', mechanism=1)],
            upsertions=[dict(name='v', mechanism=2, iterations=4096,
                             salt=b's', salted_password=b'p')]))]


def lost_session():
    """What waits when the connections go."""
    return [
        hello(), create(), metadata(), join(), join(GIVEN_MEMBER), sync(),
        join(flags=SECOND), join(GIVEN_MEMBER, flags=SECOND | NO_WAIT),
        fetch(0, wait=100, flags=NO_WAIT),
        produce(batch([b'1']), flags=NO_WAIT),
        init_producer('x') + (NO_WAIT,), commit(False) + (NO_WAIT,)]


def raw(steps):
    """Whole frames; the versions are the newest."""
    from kafka.protocol.api_header import RequestHeader
    out = b''
    for i, (api, fields, *_) in enumerate(steps):
        key, _, version = SERVED[api]
        header = RequestHeader(request_api_key=key,
                               request_api_version=version,
                               correlation_id=i, client_id='raw')
        flexible = message_class(api + 'Request').flexible_version_q(version)
        frame = header.encode(flexible=flexible) + body(api, version, fields)
        out += struct.pack('>i', len(frame)) + frame
    return out


def odd():
    """What is no request, in between."""
    def other(key, version, data):
        return struct.pack('>HHI', key, version, len(data)) + data
    return other(18, 9, b'') + other(18, 4, b'\xff') + other(99, 0, b'x') + \
        other(0, 2, b'') + other(3, 12, b'\x02') + \
        other(0, 9, b'\0\0\0\0\0\0\0\xff\xff\xff\x0f')


SESSIONS = {
    'records': records_session, 'codecs': codecs_session,
    'producer': producer_session, 'transaction': transaction_session,
    'fenced': fenced_session, 'group': group_session,
    'members': members_session, 'static': static_session,
    'topics': topics_session, 'configs': configs_session,
    'security': security_session,
}
ONLY_NEW = ('codecs', 'fenced', 'members', 'static')


def main():
    os.makedirs(FOLDER, exist_ok=True)
    seen = set()

    def session(name, steps, flags, pick):
        data = b''
        for api, fields, *more in steps:
            version = pick(*SERVED[api][1:])
            seen.add((api, version))
            data += step(api, version, body(api, version, fields), *more)
        write(name, flags, data)

    for name, steps in SESSIONS.items():
        session(name, steps(), 0, lambda low, high: high)
        if name not in ONLY_NEW:
            session(name + '-old', steps(), 0, lambda low, high: low)
            session(name + '-mid', steps(), 0,
                    lambda low, high: (low + high) // 2)
    session('lost', lost_session(), LEAVE, lambda low, high: high)
    session('open-again', open_session(), AGAIN, lambda low, high: high)
    for name in ('records', 'producer', 'transaction', 'group', 'static',
                 'configs'):
        session(name + '-again', SESSIONS[name](), AGAIN,
                lambda low, high: high)
    session('no_fit', codecs_session()[:5], NO_FIT, lambda low, high: high)
    write('raw', RAW, raw([hello(), create(), metadata(), fetch()]))
    write('odd', 0, odd())
    missing = [(api, v) for api, (_, low, high) in SERVED.items()
               for v in (low, high) if (api, v) not in seen]
    if missing:
        raise SystemExit('in no session: %s' % missing)


main()
