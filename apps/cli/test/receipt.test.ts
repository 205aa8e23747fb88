import { createHash } from 'node:crypto'
import { appraise, keyBindingExtraData, payloadIdExtraData } from '@nomyo/attest'
import { formatPolicyFile, parsePolicyFile } from '@nomyo/attest/policy-file'
import { createReceipt, type Receipt } from '@nomyo/attest/receipt'
import { PCR_VALUES, forgeKey, forgeQuote, forgedName } from '@nomyo-internal/testing/vectors/forge'
import { describe, expect, it } from 'vitest'
import { Home, useFiles } from './support.js'

const file = useFiles()
const verify = (...args: string[]) => new Home().run(['attest', 'verify', ...args])

const KEY = forgeKey()
const policyText = (key = KEY): string =>
  formatPolicyFile({
    requiredPcrs: 'sha256:0,7,10',
    referenceValues: PCR_VALUES,
    pinnedAkNames: [forgedName(key)],
  })
const REQUEST = { model: 'm', messages: [{ role: 'user', content: 'what was asked' }] }
const ANSWER = { choices: [{ message: { content: 'what was answered' } }] }

async function receipt(): Promise<Receipt> {
  const payloadId = '4be4f1c0-0a4f-4e53-9a0e-6ff0cf3d1a51'
  const [nonce, spki] = [new Uint8Array(32).fill(1), new Uint8Array(64).fill(2)]
  const evidence = forgeQuote(await payloadIdExtraData(payloadId), { key: KEY })
  const forKey = forgeQuote(await keyBindingExtraData({ nonce, spki }), { key: KEY })
  const policy = parsePolicyFile(policyText())
  const { verified: previous } = await appraise(forKey, { ...policy, nonce: { nonce, spki } })
  return createReceipt({
    createdAt: new Date('2026-11-21T12:00:00Z'),
    writtenBy: 'test/1',
    payloadId,
    payloadIdMode: 'sha256',
    algorithm: 'hybrid-aes256-rsa4096',
    serverKey: `sha256/${createHash('sha256').update(spki).digest('base64')}`,
    request: REQUEST,
    answer: ANSWER,
    evidence,
    keyEvidence: { spki, nonce, evidence: forKey },
    policy: policy.document,
    result: await appraise(evidence, { ...policy, nonce: { payloadId, mode: 'sha256' }, previous }),
  })
}
const sound = await receipt()

describe('nomyo attest verify, given a receipt', () => {
  it('appraises it from itself alone, and states what only its writer claims', async () => {
    const { code, stdout } = await verify(file(sound))
    expect(code).toBe(0)
    expect(stdout).toContain('tier affirming, key pinned')
    expect(stdout).toContain('the machine endorsed the key')
    expect(stdout).toContain('a claim of its writer')
  })

  it('appraises it by a policy of the reader', async () => {
    expect((await verify(file(sound), '--policy', file(policyText()))).code).toBe(0)
    const other = await verify(file(sound), '--policy', file(policyText(forgeKey())))
    expect(other.code).toBe(3)
    expect(other.stdout).toContain('AK_NOT_PINNED')
  })

  it('compares texts with those of the receipt', async () => {
    const same = ['--request', file(REQUEST), '--answer', file({ ...ANSWER, _metadata: {} })]
    expect((await verify(file(sound), ...same)).code).toBe(0)
    const other = await verify(file(sound), '--answer', file({ choices: [] }))
    expect(other.code).toBe(3)
    expect(other.stdout).toContain('does NOT match the receipt')
    const unsalted = { ...sound, request: { sha256: sound.request.sha256 } }
    expect((await verify(file(unsalted), ...same)).code).toBe(2)
  })

  it('is JSON with --json', async () => {
    const { code, stdout } = await verify(file(sound), '--json', '--request', file(REQUEST))
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      answer: { tier: 'affirming' },
      key: { tier: 'affirming' },
      agrees: true,
      texts: { request: true },
    })
  })

  it.each([
    ['another payload id', { payloadId: 'another' }, 3],
    [
      'evidence for another key',
      { keyEvidence: { ...sound.keyEvidence, evidence: sound.evidence } },
      3,
    ],
    ['no evidence', { evidence: null }, 3],
    ['no evidence for the key', { keyEvidence: null }, 5],
    ['no policy', { policy: null }, 2],
    ['a quote over the payload id itself', { payloadIdMode: 'raw' }, 2],
    ['a malformed policy', { policy: { format: 'x' } }, 2],
    ['another server key', { serverKey: `sha256/${'A'.repeat(43)}=` }, 2],
    ['an unknown member', { note: 'x' }, 2],
    ['a malformed digest', { request: { sha256: 'x' } }, 2],
  ])('with %s ends with its code', async (_what, changes, code) => {
    expect((await verify(file({ ...sound, ...changes }))).code).toBe(code)
  })

  it('reads one from standard input too', async () => {
    const input = JSON.stringify(sound)
    const { code, stdout } = await new Home().run(['attest', 'verify', '-', '--json'], { input })
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ agrees: true })
  })

  it('states the time of certificates, and its source', async () => {
    const asOf = async (...args: string[]): Promise<unknown> =>
      JSON.parse((await verify(file(sound), '--json', ...args)).stdout).asOf
    expect(await asOf()).toEqual({ time: sound.createdAt, from: 'receipt' })
    expect(await asOf('--policy', file(policyText()))).toMatchObject({ from: 'receipt' })
    const time = '2026-12-01T00:00:00.000Z'
    expect(await asOf('--now', time)).toEqual({ time, from: '--now' })
    const { stdout } = await verify(file(sound), '--policy', file(policyText()))
    expect(stdout).toContain(`Certificates as of ${sound.createdAt}`)
  })

  it.each(['writtenBy', 'payloadId'])(
    'shows nothing of its %s that a terminal obeys',
    async (name) => {
      const hostile = { ...sound, [name]: 'x\u001b[2J\ntier affirming\u009b31m\u202e' }
      const { code, stdout, stderr } = await verify(file(hostile))
      expect(code).toBe(2)
      expect((stdout + stderr).replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u)
    },
  )

  it('refuses texts that are nested too deeply', async () => {
    const deep = '['.repeat(200_000) + ']'.repeat(200_000)
    expect((await verify(file(sound), '--answer', file(deep))).code).toBe(2)
  })

  it('refuses options of other evidence, and its options for other evidence', async () => {
    expect((await verify(file(sound), '--payload-id', 'x')).code).toBe(2)
    const evidence = file({ _metadata: { payload_id: 'x', tpm_attestation: sound.evidence } })
    const args = ['--policy', file(policyText()), '--request', file(REQUEST)]
    expect((await verify(evidence, ...args)).code).toBe(2)
  })
})
