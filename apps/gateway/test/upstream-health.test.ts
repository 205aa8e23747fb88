import { describe, expect, it } from 'vitest'
import { Health } from '../src/upstreams/pool/health.js'
import { ModelMemory } from '../src/upstreams/pool/model-memory.js'
import { parseModelList } from '../src/upstreams/server/model-names.js'

function clock(): { now: () => number; advance: (ms: number) => void } {
  let time = 1000
  return { now: () => time, advance: (ms) => void (time += ms) }
}

describe('the health of a server', () => {
  it('has a cool-down after a failure, which doubles with each further one up to a minute', () => {
    const { now, advance } = clock()
    const health = new Health({}, now)
    for (const seconds of [1, 2, 4, 8, 16, 32, 60, 60]) {
      health.recordFailure(now())
      advance(seconds * 1000 - 1)
      expect(health.standing).not.toBe(0)
      advance(1)
      expect(health.standing).toBe(0)
    }
  })

  it('lets one request at a time try the server after a cool-down, until one is answered', () => {
    const { now, advance } = clock()
    const health = new Health({}, now)
    health.recordFailure(now())
    advance(1000)
    const trial = health.enter()
    expect(health.standing).toBe(1)
    health.recordAnswer(trial.startedAt)
    expect(health.standing).toBe(0)
    trial.leave()
    expect(health.inFlight).toBe(0)
  })

  it('counts failures of requests that were in progress together as one', () => {
    const { now, advance } = clock()
    const health = new Health({}, now)
    const visits = Array.from({ length: 50 }, () => health.enter())
    for (const { startedAt, leave } of visits) {
      advance(1)
      health.recordFailure(startedAt)
      leave()
    }
    advance(1000)
    expect(health).toMatchObject({ isHealthy: true, standing: 0, suspicion: 1 })
  })

  it('is tried after a cool-down also while requests from before are in progress', () => {
    const { now, advance } = clock()
    const health = new Health({}, now)
    const long = health.enter()
    health.recordFailure(now())
    advance(1000)
    expect(health.standing).toBe(0)
    health.enter()
    expect(health.standing).toBe(1)
    long.leave()
    expect(health.standing).toBe(1)
  })

  it('is not restored by a poll, nor by an answer to a request from before the failure', () => {
    const { now, advance } = clock()
    const health = new Health({ unhealthyAfter: 1 }, now)
    const old = health.enter()
    advance(1)
    health.recordFailure(now())
    health.recordPoll(true)
    health.recordAnswer(old.startedAt)
    expect(health).toMatchObject({ isHealthy: false, standing: 2 })
  })

  it('is lost by polls alone after so many of them, and restored by one', () => {
    const health = new Health({ unhealthyAfter: 2 })
    health.recordPoll(false)
    expect(health.isHealthy).toBe(true)
    health.recordPoll(false)
    expect(health).toMatchObject({ isHealthy: false, standing: 2 })
    health.recordPoll(true)
    expect(health).toMatchObject({ isHealthy: true, standing: 0 })
  })

  it('is not lost by failures that a request may have caused, which last a second', () => {
    const { now, advance } = clock()
    const health = new Health({ unhealthyAfter: 1 }, now)
    for (let failures = 0; failures < 10; failures++) health.recordDoubt()
    expect(health).toMatchObject({ isHealthy: true, standing: 1 })
    advance(1000)
    expect(health.standing).toBe(0)
  })

  it('keeps to the time that the server asks for, up to a minute', () => {
    const { now, advance } = clock()
    const health = new Health({}, now)
    health.recordDoubt(30_000)
    advance(29_999)
    expect(health.standing).toBe(1)
    advance(1)
    expect(health.standing).toBe(0)
    health.recordDoubt(1e9)
    advance(60_000)
    expect(health.standing).toBe(0)
  })
})

describe('the memory of models', () => {
  it('knows what is listed, and what was refused for a minute', () => {
    const { now, advance } = clock()
    const memory = new ModelMemory(now)
    memory.recordList({ names: ['a'], owners: [] })
    memory.recordMissing('a')
    memory.recordMissing('b')
    expect(['a', 'b', 'c'].map((name) => memory.of(name))).toEqual([
      'missing',
      'missing',
      'unknown',
    ])
    advance(60_000)
    expect(['a', 'b'].map((name) => memory.of(name))).toEqual(['listed', 'unknown'])
  })

  it('forgets a refusal when the model is listed anew, or answers', () => {
    const memory = new ModelMemory(() => 0)
    memory.recordMissing('a')
    memory.recordMissing('b')
    memory.recordList({ names: ['a'], owners: [] })
    memory.recordAnswer('b')
    expect(['a', 'b'].map((name) => memory.of(name))).toEqual(['listed', 'unknown'])
  })

  it('keeps a refusal of a model that the server lists and does not serve', () => {
    const memory = new ModelMemory(() => 0)
    memory.recordList({ names: ['a'], owners: [] })
    memory.recordMissing('a')
    memory.recordList({ names: ['a'], owners: [] })
    expect(memory.of('a')).toBe('missing')
  })

  it('is bounded, whatever callers ask for', () => {
    const memory = new ModelMemory(() => 0)
    for (let at = 0; at < 1000; at++) memory.recordMissing(`model-${at}`)
    memory.recordMissing('x'.repeat(257))
    const known = Array.from({ length: 1000 }, (_, at) => memory.of(`model-${at}`))
    expect(known.filter((knowledge) => knowledge === 'missing')).toHaveLength(200)
    expect(memory.of('model-999')).toBe('missing')
    expect(memory.of('x'.repeat(257))).toBe('unknown')
  })
})

describe('a list of models', () => {
  it.each([
    ['{"object":"list","data":[{"id":"a"},{"id":"b"}]}', ['a', 'b']],
    ['[{"id":"a"},{"name":"b"},"c"]', ['a', 'b', 'c']],
    ['{"models":[{"name":"a","model":"other"},{"model":"b"},{"id":"c"}]}', ['a', 'b', 'c']],
    ['{"models":[{"name":"a"}],"data":[{"id":"b"}]}', ['b']],
    ['[]', []],
    ['[null,7,{"id":""},{"id":{}}]', []],
    ['{}', undefined],
    ['{"data":{}}', undefined],
    ['null', undefined],
    ['<html>', undefined],
    ['', undefined],
  ])('is read: %s', (text, names) => {
    expect(parseModelList(text)?.names).toEqual(names)
  })

  it('tells who owns the models, in bounds', () => {
    const models = Array.from({ length: 1000 }, (_, at) => ({ id: `m${at}`, owned_by: `o${at}` }))
    const [first] = parseModelList('[{"id":"a","owned_by":"vllm"},{"owned_by":7},"b"]')!.owners
    expect(first).toBe('vllm')
    expect(parseModelList(JSON.stringify(models))!.owners).toHaveLength(16)
  })
})
