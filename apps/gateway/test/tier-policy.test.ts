import type { TpmAttestation } from '@nomyo/attest'
import { describe, expect, it, onTestFinished } from 'vitest'
import { noAttestor, type Attestor } from '../src/attestation/attestor.js'
import { isPrivateUrl, planUpstreams } from '../src/upstreams/pool/plan-upstreams.js'
import { UpstreamPool } from '../src/upstreams/pool/pool.js'
import { createDemoEngine } from '../src/upstreams/demo/demo.js'
import type { UpstreamConfig } from '../src/upstreams/pool/upstream.js'
import {
  SECURITY_TIERS,
  TierPolicy,
  type PolicyConfig,
  type SecurityTier,
} from '../src/access/policy/tier-policy.js'
import { listenInProcess } from './in-process.js'
import {
  chat,
  completionOf,
  get,
  refusalOf,
  send,
  testModelServer,
  type Answer,
} from './support.js'

const DETAIL = 'Model not allowed for the requested security tier'

interface Parts {
  readonly tiers?: PolicyConfig['tiers']
  readonly version?: string
  readonly upstreams?: readonly Partial<UpstreamConfig>[]
  readonly attestor?: Attestor
}

/** A gateway in this process, on loopback: with the demo engine, or before these upstreams. */
async function gatewayOf(parts: Parts): Promise<{ url: string; notices: readonly string[] }> {
  const { tiers, version, upstreams, attestor = noAttestor } = parts
  const policy = tiers && new TierPolicy({ tiers, version })
  const notices: string[] = []
  const note = (text: string): void => void notices.push(text)
  const logger = { info: note, warn: note }
  const named = upstreams?.map((upstream, at) => ({ name: `u${at}`, url: '', ...upstream }))
  const engine = named
    ? new UpstreamPool(planUpstreams({ kind: 'upstreams', upstreams: named }, policy, logger))
    : createDemoEngine()
  const { server, url } = await listenInProcess({ engine, attestor, policy })
  onTestFinished(async () => {
    await server.close()
    await engine.close()
  })
  return { url, notices }
}

const ask = async (
  gateway: { readonly url: string },
  tier: SecurityTier | undefined,
  model = 'nomyo/echo',
): Promise<Answer> => send(gateway, chat('Hi', { model }), tier ? { 'x-security-tier': tier } : {})

async function statuses(gateway: { readonly url: string }, model?: string): Promise<number[]> {
  const answers = await Promise.all(SECURITY_TIERS.map((tier) => ask(gateway, tier, model)))
  for (const answer of answers) if (answer.status === 403) expect(refusalOf(answer)).toBe(DETAIL)
  return answers.map(({ status }) => status)
}

describe('a tier policy', () => {
  it('allows models by tier', async () => {
    const tiers = { standard: {}, high: { models: ['a', 'b/*'] }, maximum: { models: ['a'] } }
    const gateway = await gatewayOf({ tiers })
    expect(await statuses(gateway, 'a')).toEqual([200, 200, 200])
    expect(await statuses(gateway, 'b/1')).toEqual([200, 200, 403])
    expect(await statuses(gateway, 'c')).toEqual([200, 403, 403])
  })

  it('offers no tier without a rule, and standard to those who ask for none', async () => {
    const gateway = await gatewayOf({ tiers: { high: {} } })
    expect(await statuses(gateway)).toEqual([403, 200, 403])
    expect((await ask(gateway, undefined)).status).toBe(403)
  })

  it('that is none allows everything', async () => {
    expect(await statuses(await gatewayOf({}))).toEqual([200, 200, 200])
  })

  it('asks no model for what it refuses', async () => {
    const a = await testModelServer()
    const gateway = await gatewayOf({ tiers: { standard: { models: ['x'] } }, upstreams: [a] })
    expect((await ask(gateway, 'standard')).status).toBe(403)
    expect(a.seen).toHaveLength(0)
  })

  it('omits models that no tier allows', async () => {
    const tiers = { high: { models: ['nomyo/e*'] } }
    const { bytes } = await get(await gatewayOf({ tiers }), '/v1/models')
    const { data } = JSON.parse(new TextDecoder().decode(bytes)) as { data: { id: string }[] }
    expect(data.map(({ id }) => id)).toEqual(['nomyo/echo'])
  })
})

describe('attestation that a tier requires', () => {
  const tiers = { standard: {}, high: { requireAttestation: true } }
  const quoting = (available: boolean): Attestor => ({
    ...noAttestor,
    kind: 'tpm',
    attest: () => Promise.resolve({ is_available: available } as TpmAttestation),
  })

  it('is had or the answer is 503, before a model is asked', async () => {
    const a = await testModelServer()
    const upstreams = [{ ...a, tiers: SECURITY_TIERS }]
    for (const attestor of [noAttestor, quoting(false)]) {
      const gateway = await gatewayOf({ tiers, upstreams, attestor })
      const answer = await ask(gateway, 'high')
      expect(answer.status).toBe(503)
      expect(answer.headers.get('retry-after')).not.toBeNull()
    }
    expect(a.seen).toHaveLength(0)
    const gateway = await gatewayOf({ tiers, upstreams, attestor: quoting(true) })
    expect((await ask(gateway, 'high')).status).toBe(200)
  })

  it('is nothing to other tiers', async () => {
    expect((await ask(await gatewayOf({ tiers }), 'standard')).status).toBe(200)
  })
})

describe('upstreams', () => {
  const all = { standard: {}, high: {}, maximum: {} }

  it('are refused to tiers they are not marked for', async () => {
    const [a, b] = [await testModelServer(), await testModelServer()]
    const upstreams = [a, { ...b, tiers: ['high'] as const }]
    expect(await statuses(await gatewayOf({ tiers: all, upstreams }))).toEqual([200, 200, 403])
    expect([a.seen.length, b.seen.length]).toEqual([1, 1])
  })

  it('that are not marked at all are for standard alone as soon as there is a policy', async () => {
    const a = await testModelServer()
    expect(await statuses(await gatewayOf({ tiers: all, upstreams: [a] }))).toEqual([200, 403, 403])
    expect(await statuses(await gatewayOf({ upstreams: [a] }))).toEqual([200, 200, 200])
    const marked = { ...a, tiers: ['high'] as const }
    expect(await statuses(await gatewayOf({ upstreams: [a, marked] }))).toEqual([200, 200, 403])
  })

  it('without TLS are not used where it is required, except on this machine', async () => {
    const tiers = { ...all, high: { requireUpstreamTls: true } }
    const [local, marked] = [await testModelServer(), { tiers: SECURITY_TIERS }]
    const far = { url: 'http://upstream.invalid/v1', ...marked }
    const alone = await gatewayOf({ tiers, upstreams: [far] })
    expect(await statuses(alone)).toEqual([503, 403, 503])
    expect(alone.notices).toHaveLength(1)
    const both = await gatewayOf({ tiers, upstreams: [far, { ...local, ...marked }] })
    expect((await ask(both, 'high')).status).toBe(200)
    expect(both.notices).toHaveLength(1)
  })

  it.each([
    ['https://a.example/v1', true],
    ['http://localhost:1/v1', true],
    ['http://127.8.9.1/v1', true],
    ['http://[::1]:1/v1', true],
    ['http://a.example/v1', false],
    ['http://127.0.0.1.example/v1', false],
    ['http://localhost.example/v1', false],
    ['http://10.0.0.1/v1', false],
    ['http://[::]/v1', false],
  ])('are private by TLS or on loopback: %s %s', (url, expected) => {
    expect(isPrivateUrl(url)).toBe(expected)
  })
})

describe('the sealed answer', () => {
  it('contains the tier, the requested model and the version of the policy', async () => {
    const a = await testModelServer()
    a.answer = (response) =>
      response.end('{"model":"another","choices":[{}],"_metadata":{"policy_version":"x"}}')
    const upstreams = [{ ...a, tiers: SECURITY_TIERS }]
    const gateway = await gatewayOf({ tiers: { high: {} }, version: '2026-11', upstreams })
    const { _metadata: metadata } = await completionOf(await ask(gateway, 'high', 'asked-for'))
    expect(metadata).toMatchObject({
      security_tier: 'high',
      model: 'asked-for',
      policy_version: '2026-11',
    })
    const { _metadata: none } = await completionOf(
      await ask(await gatewayOf({ upstreams }), 'high'),
    )
    expect(none).not.toHaveProperty('policy_version')
  })

  const versionOf = (tiers: PolicyConfig['tiers']): string => new TierPolicy({ tiers }).version
  it('tells rules that differ apart, however they are written', () => {
    const rule = { models: ['a', 'b'], requireAttestation: true }
    expect(versionOf({ standard: {}, high: rule })).toMatch(/^[0-9a-f]{12}$/)
    const reordered = { requireAttestation: true, requireUpstreamTls: false, models: ['b', 'a'] }
    expect(versionOf({ high: reordered, standard: {} })).toBe(
      versionOf({ standard: {}, high: rule }),
    )
    const different: PolicyConfig['tiers'][] = [
      { standard: {} },
      { high: {} },
      { standard: { models: ['a'] } },
      { standard: { models: ['b'] } },
      { standard: { requireAttestation: true } },
      { standard: { requireUpstreamTls: true } },
    ]
    expect(new Set(different.map(versionOf)).size).toBe(different.length)
  })
})
