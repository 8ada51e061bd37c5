#!/usr/bin/env python3
"""Makes the golden vectors: bytes of Kafka messages, headers and record
batches, written by an implementation that is not ours.

    python3 -m venv /tmp/golden
    /tmp/golden/bin/pip install kafka-python==3.0.12 python-snappy lz4 zstandard
    /tmp/golden/bin/python test/golden/make.py

kafka-python 3 reads Apache Kafka's own message schemas and has an encoder of
its own; nothing of kafka/messages.def goes into the bytes.  Of ours only
kafka/apis.def is read, for the list of what is served.  The output is the same
at every run: the values are drawn from a generator with a fixed seed.

wire.txt      NAME VERSION VARIANT HEX TEXT: a message, and its fields as text.
              full: all fields set, arrays of two; sparse: null and empty where
              that is allowed, no tagged fields; long: long strings.
frames.txt    API VERSION HEX HEX: request header (correlation id 66051, client
              id "leat"), response header (correlation id 66051), no bodies.
batches.txt   NAME HEX TEXT: record batches, by codec.
snappy.txt    NAME HEX HEX: a raw snappy block, and what it unfolds to.
internal.txt  NAME VERSION HEX TEXT: records of __consumer_offsets and
              __transaction_state, packed here by hand.

It also writes the seeds in test/fuzz/corpus/wire and test/fuzz/corpus/records;
sessions.py beside it makes those in test/fuzz/corpus/session.
"""
import importlib
import os
import random
import re
import struct
import time
import uuid

from kafka.codec import snappy_encode
from kafka.protocol.api_header import RequestHeader, ResponseHeader
from kafka.record.default_records import DefaultRecordBatchBuilder

HERE = os.path.dirname(os.path.abspath(__file__))
APIS = os.path.join(HERE, '..', '..', 'kafka', 'apis.def')
PACKAGES = ('producer', 'consumer', 'metadata', 'admin', 'sasl')
WIDTH = {'int8': 8, 'int16': 16, 'int32': 32, 'int64': 64}
# kafka-python shortens these names; the text has those of Kafka's schemas.
RENAMED = {
    ('metadata_response', 'authorized_operations'):
        'cluster_authorized_operations',
    ('topics', 'authorized_operations'):
        'topic_authorized_operations',
    ('describe_cluster_response', 'authorized_operations'):
        'cluster_authorized_operations',
}
LETTERS = 'abcdefghijklmnopqrstuvwxyz.-_'


# gzip writes the time into its header.
time.time = lambda: 0


def served():
    """(key, Name, stem, min, max) of each API in apis.def."""
    row = re.compile(r'^API\((\d+), (\w+), (\w+),\s+(\d+), (\d+),', re.M)
    for m in row.finditer(open(APIS).read()):
        key, name, stem, low, high = m.groups()
        yield int(key), name, stem, int(low), int(high)


def message_class(name):
    for package in PACKAGES:
        module = importlib.import_module('kafka.protocol.' + package)
        if hasattr(module, name):
            return getattr(module, name)
    raise KeyError(name)


class Values:
    """Draws values for the fields of a message; keeps them as text too."""

    def __init__(self, seed, version, variant):
        self.random = random.Random(seed)
        self.version = version
        self.full = variant != 'sparse'
        self.long = variant == 'long'

    def string(self):
        n = 150 if self.long else self.random.randint(1, 6)
        s = ''.join(self.random.choice(LETTERS) for _ in range(n))
        return s, '"%s"' % s

    def simple(self, kind):
        r = self.random
        if kind in WIDTH:
            half = 1 << (WIDTH[kind] - 1)
            v = r.randint(-half, half - 1)
            return v, str(v)
        if kind == 'bitfield':
            v = set(r.sample(range(31), 4))
            return v, str(sum(1 << b for b in v))
        if kind == 'bool':
            v = r.random() < 0.5
            return v, str(int(v))
        if kind == 'string':
            return self.string()
        if kind == 'float64':
            v = r.uniform(-1e9, 1e9)
            return v, struct.pack('>d', v).hex()
        if kind == 'uuid':
            v = uuid.UUID(int=r.getrandbits(128))
            return v, v.hex
        if kind in ('bytes', 'records'):
            v = r.randbytes(r.randint(1, 9))
            return v, 'x' + v.hex()
        raise ValueError(kind)

    def struct(self, field):
        values, text = {}, []
        for f in field._fields:
            if not f.for_version_q(self.version):
                continue
            if f.tag is not None and not self.full:
                value, shown = None, self.default(f)
            else:
                value, shown = self.field(f)
                values[f.name] = value
            name = RENAMED.get((field.name, f.name), f.name)
            name = re.sub('_?v3_and_below_?', '', name)
            text.append('%s:%s' % (name, shown))
        return values, '{%s}' % ','.join(text)

    def default(self, f):
        """A tagged field that is left out, as a reader sees it."""
        if f.is_struct():
            inner = ','.join('%s:%s' % (g.name, self.default(g))
                             for g in f._fields
                             if g.for_version_q(self.version))
            return '{%s}' % inner
        if f.is_array():
            return '[]'
        if f.type_str == 'bool':
            return str(int(f.default))
        if f.type_str == 'uuid':
            return '00' * 16
        return 'null' if f.default is None else str(f.default)

    def field(self, f):
        nullable = f.nullable_for_version_q(self.version)
        if nullable and not self.full:
            return None, 'null'
        if f.is_struct_array():
            many = [self.struct(f) for _ in range(2 if self.full else 1)]
        elif f.is_array():
            kind = f.array_of.type_str
            many = [self.simple(kind) for _ in range(2 if self.full else 0)]
        elif f.is_struct():
            return self.struct(f)
        else:
            return self.simple(f.type_str)
        return [v for v, _ in many], '[%s]' % ','.join(t for _, t in many)


def wire(out):
    for key, name, stem, low, high in served():
        for side in ('Request', 'Response'):
            cls = message_class(name + side)
            for version in range(low, high + 1):
                variants = ['full', 'sparse']
                if version == high:
                    variants.append('long')
                for variant in variants:
                    label = '%s_%s' % (stem, side.lower())
                    seed = '%s %d %s' % (label, version, variant)
                    values = Values(seed, version, variant)
                    message, text = values.struct(cls._struct)
                    flexible = cls.flexible_version_q(version)
                    data = cls._struct.encode(
                        message, version=version, compact=flexible,
                        tagged=flexible)
                    out.write('%s %d %s %s %s\n' % (
                        label, version, variant, data.hex() or '-', text))


def frames(out):
    for key, name, stem, low, high in served():
        request = message_class(name + 'Request')
        response = message_class(name + 'Response')
        for version in range(low, high + 1):
            flexible = request.flexible_version_q(version)
            q = RequestHeader(request_api_key=key, request_api_version=version,
                              correlation_id=66051, client_id='leat')
            # The class knows that ApiVersions never has a flexible one.
            a = response(version=version)
            a.with_header(correlation_id=66051)
            out.write('%s %d %s %s\n' % (
                name, version, q.encode(flexible=flexible).hex(),
                a.encode_header(flexible=flexible).hex()))


def shown_record(offset, timestamp, key, value, headers):
    def show(b):
        return 'null' if b is None else 'x' + b.hex()
    pairs = ','.join('%s=%s' % (k, show(v)) for k, v in headers)
    return '%d@%d:%s:%s:[%s]' % (offset, timestamp, show(key), show(value),
                                 pairs)


def records_of(r, count, size):
    timestamp = 1700000000000
    for offset in range(count):
        key = None if r.random() < .3 else r.randbytes(r.randint(0, 5))
        value = None if r.random() < .1 else \
            (b'%d ' % offset) * r.randint(1, size)
        headers = [('h%d' % i, None if r.random() < .2 else r.randbytes(i))
                   for i in range(r.randint(0, 3))]
        yield offset, timestamp + r.randint(-9, 999), key, value, headers


def batches(out):
    cases = [('plain', 0, 5, 8, {}), ('one', 0, 1, 3, {}),
             ('many', 0, 150, 3, {}),
             ('producer', 0, 3, 9, dict(producer_id=4000000007,
                                        producer_epoch=12,
                                        base_sequence=345)),
             ('transactional', 0, 3, 9, dict(producer_id=9,
                                             producer_epoch=0,
                                             base_sequence=0,
                                             is_transactional=True)),
             ('gzip', 1, 9, 40, {}), ('snappy', 2, 9, 40, {}),
             ('lz4', 3, 9, 40, {}), ('zstd', 4, 9, 40, {})]
    for name, codec, count, size, producer in cases:
        r = random.Random(name)
        args = dict(producer_id=-1, producer_epoch=-1, base_sequence=-1,
                    is_transactional=False)
        args.update(producer)
        b = DefaultRecordBatchBuilder(2, codec, batch_size=1 << 20, **args)
        text = []
        for offset, timestamp, key, value, headers in \
                records_of(r, count, size):
            b.append(offset, timestamp, key, value, headers)
            text.append(shown_record(offset, timestamp, key, value, headers))
        out.write('%s %s %s\n' % (name, bytes(b.build()).hex(),
                                  ';'.join(text)))


def raw_snappy(out):
    """The records of a batch as one raw block, without xerial's framing."""
    data = b''.join(b'%d ' % i for i in range(99))
    out.write('%s %s %s\n' % (
        'raw-snappy', snappy_encode(data, xerial_compatible=False).hex(),
        data.hex()))


def string(text):
    return struct.pack('>h', -1) if text is None else \
        struct.pack('>h', len(text)) + text.encode()


def blob(data):
    return struct.pack('>i', len(data)) + data


def internal(out):
    def line(name, version, data, text):
        out.write('%s %d %s %s\n' % (name, version, data.hex(), text))

    for v in (0, 1):
        line('offset_commit_key', v,
             struct.pack('>h', v) + string('g1') + string('t1') + struct.pack('>i', 7),
             '{group:"g1",topic:"t1",partition:7}')
    line('group_metadata_key', 2, struct.pack('>h', 2) + string('g1'),
         '{group:"g1"}')

    h = struct.pack('>hq', 0, 42)
    line('offset_commit_value', 0,
         h + string('meta') + struct.pack('>q', 1700),
         '{offset:42,metadata:"meta",commit_timestamp:1700}')
    h = struct.pack('>hq', 1, 42)
    line('offset_commit_value', 1, h + string('meta') +
         struct.pack('>qq', 1700, 1800),
         '{offset:42,metadata:"meta",commit_timestamp:1700,'
         'expire_timestamp:1800}')
    h = struct.pack('>hq', 2, 42)
    line('offset_commit_value', 2, h + string('') + struct.pack('>q', 1700),
         '{offset:42,metadata:"",commit_timestamp:1700}')
    h = struct.pack('>hqi', 3, 42, 5)
    line('offset_commit_value', 3,
         h + string('meta') + struct.pack('>q', 1700),
         '{offset:42,leader_epoch:5,metadata:"meta",commit_timestamp:1700}')
    h = struct.pack('>hqi', 4, 42, 5)
    line('offset_commit_value', 4, h + b'\x05meta' +
         struct.pack('>q', 1700) + b'\0',
         '{offset:42,leader_epoch:5,metadata:"meta",commit_timestamp:1700}')

    for v in range(4):
        m = string('m1') + (string('i1') if v >= 3 else b'')
        m += string('c1') + string('/127.0.0.1')
        m += struct.pack('>i', 300) if v >= 1 else b''
        m += struct.pack('>i', 45) + blob(b'sub') + blob(b'')
        data = struct.pack('>h', v) + string('consumer') + struct.pack('>i', 3)
        data += string('range') + string('m1')
        data += struct.pack('>q', 1700) if v >= 2 else b''
        data += struct.pack('>i', 1) + m
        text = '{protocol_type:"consumer",generation:3,protocol:"range",' \
            'leader:"m1",%smembers:[{member_id:"m1",%sclient_id:"c1",' \
            'client_host:"/127.0.0.1",%ssession_timeout:45,' \
            'subscription:x737562,assignment:x}]}' % (
                'current_state_timestamp:1700,' if v >= 2 else '',
                'group_instance_id:"i1",' if v >= 3 else '',
                'rebalance_timeout:300,' if v >= 1 else '')
        line('group_metadata_value', v, data, text)
    data = struct.pack('>h', 3) + string('consumer') + struct.pack('>i', 4) + \
        string(None) + string(None) + struct.pack('>qi', 1700, 0)
    line('group_metadata_value', 3, data,
         '{protocol_type:"consumer",generation:4,protocol:null,leader:null,'
         'current_state_timestamp:1700,members:[]}')

    line('transaction_log_key', 0, struct.pack('>h', 0) + string('tx1'),
         '{transactional_id:"tx1"}')
    ids = struct.pack('>qhib', 7, 3, 60000, 1)
    ends = struct.pack('>qq', 1800, 1700)
    text = '{producer_id:7,%sproducer_epoch:3,transaction_timeout_ms:60000,' \
        'transaction_status:%d,transaction_partitions:%s,' \
        'transaction_last_update_timestamp_ms:1800,' \
        'transaction_start_timestamp_ms:%d%s}'
    line('transaction_log_value', 0, struct.pack('>h', 0) + ids +
         struct.pack('>i', 1) + string('t1') + struct.pack('>iii', 2, 0, 2) +
         ends, text % ('', 1, '[{topic:"t1",partition_ids:[0,2]}]', 1700, ''))
    line('transaction_log_value', 0, struct.pack('>hqhibi', 0, 7, 3, 60000, 0,
         -1) + struct.pack('>qq', 1800, -1), text % ('', 0, 'null', -1, ''))
    line('transaction_log_value', 1, struct.pack('>h', 1) + ids +
         b'\x02\x03t1\x03' + struct.pack('>ii', 0, 2) + b'\0' + ends +
         b'\x03\0\x08' + struct.pack('>q', 5) + b'\x01\x08' +
         struct.pack('>q', 9) + b'\x02\x02' + struct.pack('>h', 2),
         text % ('previous_producer_id:5,next_producer_id:9,', 1,
                 '[{topic:"t1",partition_ids:[0,2]}]', 1700,
                 ',client_transaction_version:2'))


def corpus(target, name, data):
    folder = os.path.join(HERE, '..', 'fuzz', 'corpus', target)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), 'wb') as f:
        f.write(data)


def seeds():
    """Seeds of the fuzz targets: the newest version of each message, the
    headers of one frame, the internal records, the batches."""
    keys = {stem: (key, high) for key, _, stem, _, high in served()}
    for line in open(os.path.join(HERE, 'wire.txt')):
        name, version, variant, data, _ = line.split(' ')
        stem, side = name.rsplit('_', 1)
        key, high = keys[stem]
        if variant != 'full' or int(version) != high or data == '-':
            continue
        response = 0x80 if side == 'response' else 0
        corpus('wire', name, bytes((key, high | response)) +
               bytes.fromhex(data))
        if name == 'metadata_request':
            header = RequestHeader(request_api_key=key,
                                   request_api_version=high,
                                   correlation_id=7, client_id='leat')
            corpus('wire', 'frame', b'\xff' + header.encode(flexible=True) +
                   bytes.fromhex(data))
    kinds = ('commit_key', 'offset_commit_value', 'group_metadata_value',
             'log_key', 'log_value')
    for line in open(os.path.join(HERE, 'internal.txt')):
        name, version, data, _ = line.split(' ')
        for i, kind in enumerate(kinds):
            if name.endswith(kind) or (i == 0 and
                                       name == 'group_metadata_key'):
                corpus('wire', 'internal_%s_%s' % (name, version),
                       bytes((254, i)) + bytes.fromhex(data))
    codecs = {'gzip': 1, 'snappy': 2, 'lz4': 3, 'zstd': 4}
    for line in open(os.path.join(HERE, 'batches.txt')):
        name, data, _ = line.split(' ', 2)
        data = bytes.fromhex(data)
        corpus('records', name, b'\0' + data)
        if name in codecs:
            corpus('records', name + '-alone',
                   bytes((codecs[name],)) + data[61:])
    _, data, _ = open(os.path.join(HERE, 'snappy.txt')).read().split(' ')
    corpus('records', 'snappy-raw', b'\2' + bytes.fromhex(data))


if __name__ == '__main__':
    for name, make in (('wire.txt', wire), ('frames.txt', frames),
                       ('batches.txt', batches), ('snappy.txt', raw_snappy),
                       ('internal.txt', internal)):
        with open(os.path.join(HERE, name), 'w') as out:
            make(out)
    seeds()
