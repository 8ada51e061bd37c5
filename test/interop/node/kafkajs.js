// kafkajs, in the operations that suite/clients.py asks of every client:
// produce, consume, transact, admin.
const { Kafka, CompressionTypes, logLevel } =
    require('kafkajs')
const fs = require('fs')

const [operation, broker, ...args] = process.argv.slice(2)
const kafka = new Kafka({ brokers: [broker], logLevel: logLevel.ERROR })
const say = (what) => fs.writeSync(1, JSON.stringify(what) + '\n')
const text = (b) => (b === null || b === undefined ? null : b.toString())

// Headers: a list of values where a name comes more than once.
function packed(headers) {
	const all = {}
	for (const [k, v] of headers)
		all[k] = k in all ? [].concat(all[k], v) : v
	return all
}

function unpacked(headers) {
	return Object.entries(headers || {}).flatMap(([k, v]) =>
	    [].concat(v).map((one) => [k, text(one)]))
}

async function produce(topic, codec) {
	const p = kafka.producer({ idempotent: true })
	await p.connect()
	const messages = fs.readFileSync(0, 'utf8').split('\n').filter((s) => s)
	    .map((s) => JSON.parse(s))
	    .map((r) => ({ ...r, headers: packed(r.headers) }))
	await p.send({ topic, messages,
	    compression: CompressionTypes[codec.toUpperCase()] })
	await p.disconnect()
}

function consumer(groupId) {
	return kafka.consumer({ groupId, heartbeatInterval: 500,
	    sessionTimeout: 10000, rebalanceTimeout: 10000,
	    maxWaitTimeInMs: 200 })
}

async function consume(topic, group, isolation) {
	const c = kafka.consumer({ groupId: group, heartbeatInterval: 500,
	    sessionTimeout: 10000, rebalanceTimeout: 10000,
	    maxWaitTimeInMs: 200,
	    readUncommitted: isolation === 'read_uncommitted' })
	c.on(c.events.GROUP_JOIN, ({ payload }) =>
	    say({ assigned: payload.memberAssignment[topic] || [] }))
	await c.connect()
	await c.subscribe({ topic, fromBeginning: true })
	await c.run({ autoCommitInterval: 100,
	    eachMessage: async ({ partition, message }) => say({ partition,
	        offset: Number(message.offset), key: text(message.key),
	        value: text(message.value),
	        headers: unpacked(message.headers) }) })
	process.stdin.on('end', async () => {
		await c.disconnect()
		process.exit(0)
	}).resume()
}

// Copies n records in transactions of ten; each third one is aborted first,
// and then done again.
async function transact(source, target, group, transactionalId, n) {
	const c = consumer(group)
	const records = []
	let full
	const all = new Promise((resolve) => { full = resolve })
	await c.connect()
	await c.subscribe({ topic: source, fromBeginning: true })
	await c.run({ autoCommit: false, eachMessage: async (m) => {
		if (records.push(m) === Number(n))
			full()
	} })
	const p = kafka.producer({ transactionalId, idempotent: true,
	    maxInFlightRequests: 1 })
	await p.connect()
	await all
	for (let i = 0; i < records.length; i += 10) {
		const some = records.slice(i, i + 10)
		const last = some[some.length - 1]
		for (const outcome of i % 30 ? ['commit'] : ['abort', 'commit']) {
			const t = await p.transaction()
			await t.send({ topic: target, messages: some.map(
			    ({ message }) => ({ key: message.key,
			        value: outcome === 'commit' ? message.value
			            : 'aborted' })) })
			await t.sendOffsets({ consumerGroupId: group, topics: [{
			    topic: source, partitions: [{
			        partition: last.partition,
			        offset: String(Number(last.message.offset) + 1)
			    }] }] })
			await t[outcome]()
		}
	}
	await p.disconnect()
	await c.disconnect()
}

async function admin(topic) {
	const a = kafka.admin()
	await a.connect()
	await a.createTopics({ topics: [{ topic, numPartitions: 3,
	    configEntries: [{ name: 'retention.ms', value: '3600000' }] }] })
	const partitions = async () => (await a.fetchTopicMetadata(
	    { topics: [topic] })).topics[0].partitions.length
	const answer = { listed: (await a.listTopics()).includes(topic),
	    partitions: await partitions() }
	const { resources } = await a.describeConfigs({ resources: [
	    { type: 2, name: topic, configNames: ['retention.ms'] }] })
	answer.retention = resources[0].configEntries[0].configValue
	await a.createPartitions({ topicPartitions: [{ topic, count: 5 }] })
	answer.more = await partitions()
	await a.deleteTopics({ topics: [topic] })
	answer.deleted = !(await a.listTopics()).includes(topic)
	say(answer)
	await a.disconnect()
}

const operations = { produce, consume, transact, admin }
operations[operation](...args).catch((e) => {
	console.error('Error: ' + e.message)
	process.exit(1)
})
