import { randomUUID } from 'node:crypto'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { join } from 'node:path'
import { keyBindingExtraData, type AttestationResult } from '@nomyo/attest'
import { importPublicKey } from '@nomyo/crypto'
import { startServer, stopAfterTest, temporaryFolder } from '@nomyo-internal/testing'
import { keyPem, tpmVector, type QuoteVector } from '@nomyo-internal/testing/vectors'
import { PCR_VALUES, forgeKey, forgeQuote, forgedName } from '@nomyo-internal/testing/vectors/forge'
import { describe, expect, it } from 'vitest'
import { Home, useFiles } from './support.js'

const folder = temporaryFolder()
const file = useFiles()
const nomyo = (...args: string[]) => new Home().run(['attest', ...args])

const vector = tpmVector<QuoteVector>('pos-pinned-ak')
const evidence = vector.tpm_attestation
const answer = (changes: object = {}, payloadId = vector.payload_id) => ({
  id: 'x',
  choices: [],
  _metadata: { payload_id: payloadId, tpm_attestation: { ...evidence, ...changes } },
})
const policy = (changes: object = {}) =>
  file({
    format: 'nomyo-attestation-policy/1',
    requiredPcrs: 'sha256:0,7,10',
    referenceValues: evidence['pcr_values'],
    trust: [{ pinnedAk: vector.policy?.ak_name }],
    ...changes,
  })

/** Lets other users change a file. */
const writable = (path: string): string => {
  chmodSync(path, 0o622)
  return path
}

/** Puts a second, weaker `trust` behind the first. */
const repeating = (path: string): string => {
  const text = readFileSync(path, 'utf8').trimEnd()
  writeFileSync(path, `${text.slice(0, -1)},"trust":"none"}`)
  return path
}

const OTHER_AK = `000b${'00'.repeat(32)}`
const OTHER_STATE = { sha256: { '7': '00'.repeat(32) } }

describe('nomyo attest verify', () => {
  it.each<[string, object, number, string, object?]>([
    ['a known machine in a known state', {}, 0, 'tier affirming, key pinned'],
    [
      'a known machine whose state is not compared',
      { referenceValues: undefined },
      5,
      'tier warning',
    ],
    ['evidence of an unendorsed key', { trust: 'none' }, 5, 'tier none, key unendorsed'],
    ['another machine', { trust: [{ pinnedAk: OTHER_AK }] }, 3, 'AK_NOT_PINNED'],
    ['another state', { referenceValues: OTHER_STATE }, 3, 'PCR_REFERENCE_MISMATCH'],
    ['the answer to another request', {}, 3, 'NONCE_MISMATCH', answer({}, randomUUID())],
    ['no evidence', {}, 3, 'EVIDENCE_NOT_AVAILABLE', answer({ is_available: false })],
  ])('%s', async (_, rules, code, text, saved = answer()) => {
    const run = await nomyo('verify', file(saved), '--policy', policy(rules))
    expect(run.stdout).toContain(text)
    expect(run.code).toBe(code)
    expect(run.stdout).not.toContain('\u001b')
  })

  it('says neither verified nor hardware where the key is unendorsed', async () => {
    const none = policy({ trust: 'none' })
    for (const args of [[], ['--json']]) {
      const { stdout } = await nomyo('verify', file(answer()), '--policy', none, ...args)
      expect(stdout).not.toMatch(/verified|hardware/i)
    }
    const { stdout, stderr } = await nomyo('policy', 'init', file(answer()))
    expect(stdout + stderr).not.toMatch(/verified|hardware/i)
  })

  it('prints the whole result as JSON', async () => {
    const { stdout, code } = await nomyo('verify', file(answer()), '--policy', policy(), '--json')
    const result = JSON.parse(stdout) as AttestationResult
    expect(code).toBe(0)
    expect(result).toMatchObject({ tier: 'affirming', trust: 'pinned' })
    expect(result.checks).toHaveLength(29)
    expect(result.verified?.akName).toBe(vector.policy?.ak_name)
  })

  it('accepts bare evidence only with a statement of what it was made for', async () => {
    const bare = file(evidence)
    const id = ['--payload-id', vector.payload_id]
    const silent = await nomyo('verify', bare, '--policy', policy())
    expect(silent.code).toBe(2)
    for (const args of [id, ['--extra-data', vector.expected_extra_data.hex]]) {
      expect((await nomyo('verify', bare, '--policy', policy(), ...args)).code).toBe(0)
    }
  })

  it('accepts a saved key binding with its nonce', async () => {
    const saved = tpmVector<Record<string, string>>('key-binding-good')
    const bound = {
      public_key: saved['server_public_key_pem'],
      tpm_attestation: saved['tpm_attestation'],
    }
    const nonce = Buffer.from(saved['nonce'] ?? '', 'hex').toString('base64url')
    const none = policy({ trust: 'none', referenceValues: undefined })
    const verify = (other: object, text: string) =>
      nomyo('verify', file({ ...bound, ...other }), '--policy', none, '--nonce', text, '--json')
    const good = JSON.parse((await verify({}, nonce)).stdout) as AttestationResult
    expect(good.checks.find(({ id }) => id === 'binding')?.code).toBe('KEY_BOUND')
    expect((await verify({ public_key: keyPem('keys/server.public.pem') }, nonce)).code).toBe(3)
    expect((await verify({}, Buffer.alloc(32).toString('base64url'))).code).toBe(3)
  })

  it('notices a restart since an earlier result', async () => {
    const [first, reset] = ['pos-clock-first', 'pos-clock-after-reset'].map((name) =>
      file(tpmVector<QuoteVector>(name).tpm_attestation),
    )
    const rules = policy({ trust: 'none', referenceValues: undefined })
    const made = ['--policy', rules, '--payload-id', vector.payload_id]
    const earlier = file((await nomyo('verify', first ?? '', ...made, '--json')).stdout)
    const same = await nomyo('verify', first ?? '', ...made, '--previous', earlier)
    const later = await nomyo('verify', reset ?? '', ...made, '--previous', earlier)
    expect([same.code, later.code]).toEqual([5, 3])
    expect(later.stdout).toContain('CLOCK_RESET')
  })

  it('replays logs to the quoted PCRs', async () => {
    const logs = tpmVector<{ eventlog_b64: string; ima_ascii: string }>('eventlog')
    const path = join(folder, 'eventlog')
    writeFileSync(path, Buffer.from(logs.eventlog_b64, 'base64'))
    const ima = file(logs.ima_ascii)
    const saved = file(tpmVector<QuoteVector>('pos-rsassa-sha256').tpm_attestation)
    const rules = policy({ trust: 'none' })
    const base = [saved, '--policy', rules, '--payload-id', vector.payload_id]
    const good = await nomyo('verify', ...base, '--event-log', path, '--ima-log', ima)
    expect(good.stdout).toMatch(/EVENTLOG_REPLAYED[^]*IMA_VIOLATION/)
    writeFileSync(path, Buffer.alloc(10))
    expect((await nomyo('verify', ...base, '--event-log', path)).code).toBe(3)
  })

  it.each([
    ['no policy', [file(answer())]],
    ['no source', ['--policy', policy()]],
    ['two sources', [file(answer()), 'x', '--policy', policy()]],
    ['a misspelt option', [file(answer()), '--polcy', policy()]],
    ['a missing file', [join(folder, 'missing'), '--policy', policy()]],
    ['a missing policy', [file(answer()), '--policy', join(folder, 'missing')]],
    ['a policy that is a folder', [file(answer()), '--policy', folder]],
    ['a policy that others can change', [file(answer()), '--policy', writable(policy())]],
    ['a policy with a repeated member', [file(answer()), '--policy', repeating(policy())]],
    ['a policy without trust', [file(answer()), '--policy', policy({ trust: undefined })]],
    ['a file that is not JSON', [file('x'), '--policy', policy()]],
    ['an answer without evidence', [file({ _metadata: {} }), '--policy', policy()]],
    ['something else', [file({ a: 1 }), '--policy', policy()]],
    ['malformed hex', [file(evidence), '--policy', policy(), '--extra-data', 'zz']],
    [
      'two statements of what it was made for',
      [file(evidence), '--policy', policy(), '--extra-data', 'aa', '--payload-id', 'x'],
    ],
    ['a nonce without a key', [file(evidence), '--policy', policy(), '--nonce', 'AAAA']],
    ['a malformed time', [file(answer()), '--policy', policy(), '--now', 'soon']],
    [
      'an earlier result without signed claims',
      [file(answer()), '--policy', policy(), '--previous', file({})],
    ],
    ['http:// that no option allows', ['http://127.0.0.1:1', '--policy', policy()]],
    ['a malformed URL', ['https://', '--policy', policy()]],
  ])('%s: exit code 2 and the remedy', async (_, args) => {
    const { code, stdout, stderr } = await nomyo('verify', ...args)
    expect(code).toBe(2)
    expect(stdout).toBe('')
    expect(stderr).toMatch(/^nomyo: .+ See nomyo attest verify --help\.\n$/)
  })
})

describe('nomyo attest on a gateway', () => {
  const key = forgeKey()

  const serve = async (listener: RequestListener): Promise<string> =>
    stopAfterTest(await startServer(listener)).url

  const endorsing =
    (values = PCR_VALUES): RequestListener =>
    (request, response) => {
      void (async () => {
        const pem = keyPem('keys/server.public.pem')
        const { spkiDer: spki } = await importPublicKey(pem)
        const nonce = Buffer.from(request.url?.split('nonce=')[1] ?? '', 'base64url')
        const quote = forgeQuote(await keyBindingExtraData({ nonce, spki }), { key, values })
        response.end(JSON.stringify({ public_key: pem, tpm_attestation: quote }))
      })()
    }

  it('records a machine, recognizes it, and notices a change', async () => {
    const url = await serve(endorsing())
    const path = join(folder, 'recorded.json')
    const init = await nomyo('policy', 'init', url, '--allow-http', '--output', path)
    expect(init.code).toBe(0)
    expect(init.stderr).toContain(forgedName(key))
    expect(init.stderr).toContain('proves: nothing yet')
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ referenceValues: PCR_VALUES })

    const again = await nomyo('verify', url, '--allow-http', '--policy', path)
    expect(again.code).toBe(0)
    expect(again.stdout).toMatch(/encryption key sha256\//)
    const changed = await serve(
      endorsing({ sha256: { ...PCR_VALUES.sha256, '7': '00'.repeat(32) } }),
    )
    expect((await nomyo('verify', changed, '--allow-http', '--policy', path)).code).toBe(3)
    expect((await nomyo('policy', 'init', url, '--allow-http', '--output', path)).code).toBe(2)
  })

  it('lists PCRs without measurements', async () => {
    const zeros = { sha256: { ...PCR_VALUES.sha256, '7': '00'.repeat(32) } }
    const url = await serve(endorsing(zeros))
    const { code, stderr } = await nomyo('policy', 'init', url, '--allow-http')
    expect(code).toBe(0)
    expect(stderr).toContain('All zeros: sha256:7.')
  })

  it('records nothing of a machine whose evidence fails', async () => {
    const url = await serve(endorsing())
    const path = join(folder, 'none.json')
    const args = ['--allow-http', '--pcrs', 'sha256:1', '--output', path]
    const init = await nomyo('policy', 'init', url, ...args)
    expect(init.code).toBe(3)
    expect(() => readFileSync(path)).toThrow(expect.objectContaining({ code: 'ENOENT' }))
  })

  it.each(['sha256:16', 'nonsense'])('--pcrs %s is refused', async (pcrs) => {
    expect((await nomyo('policy', 'init', file(answer()), '--pcrs', pcrs)).code).toBe(2)
  })

  it.each<[string, RequestListener]>([
    ['without evidence', (_request, response) => response.writeHead(404).end()],
    ['that is unavailable', (_request, response) => response.writeHead(503).end()],
    ['that is another server', (_request, response) => response.end('<html>')],
  ])('a gateway %s gives exit code 4, and no verdict', async (_, listener) => {
    const url = await serve(listener)
    expect((await nomyo('verify', url, '--allow-http', '--policy', policy())).code).toBe(4)
  })

  it('a network that is down gives exit code 4', async () => {
    expect((await nomyo('verify', 'https://127.0.0.1:1', '--policy', policy())).code).toBe(4)
  })
})

describe('nomyo attest inspect', () => {
  it('shows every field by its name, and appraises nothing', async () => {
    const { code, stdout } = await nomyo('inspect', file(answer()))
    expect(code).toBe(0)
    const shown = stdout.match(/^ {2}\S+(?= )/gm)?.map((name) => name.trim())
    const quote = ['magic', 'type', 'qualifiedSigner', 'extraData', 'firmwareVersion', 'pcrDigest']
    const parts = ['clockInfo.clock', 'clockInfo.safe', 'pcrSelect[0]', 'sigAlg']
    expect(shown).toEqual(expect.arrayContaining([...quote, ...parts, 'objectAttributes', 'Name']))
    expect(stdout).toContain(vector.policy?.ak_name)
    expect(stdout).toContain('Nothing here is appraised')
  })

  it.each([
    'pos-ecdsa-p384',
    'pos-tpm2b-attest',
    'neg-type-certify',
    'neg-type-time',
    'neg-attributes-reserved-bit',
    'neg-select-pcr-24',
    'neg-empty-selection',
  ])('reads %s', async (name) => {
    const evidence = file(tpmVector<QuoteVector>(name).tpm_attestation)
    const { code, stdout } = await nomyo('inspect', evidence, '--json')
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toHaveProperty('TPMS_ATTEST.magic')
  })

  it('reports unreadable structures, and shows the rest', async () => {
    const cut = tpmVector<QuoteVector>('neg-truncated-quote-half').tpm_attestation
    const { code, stdout } = await nomyo('inspect', file(cut))
    expect(code).toBe(1)
    expect(stdout).toContain('cannot be read: TPMS_ATTEST')
    expect(stdout).toContain('TPM2B_PUBLIC')
  })
})

describe('nomyo attest', () => {
  it('ends well when its output is not read', async () => {
    const { child, ended } = new Home().start(['attest', 'inspect', file(answer())])
    child.stdout.destroy()
    expect(await ended).toMatchObject({ code: 0, stderr: '' })
  })

  it('explains itself', async () => {
    for (const args of [['--help'], ['verify', '--help'], ['policy', 'init', '-h']]) {
      const { code, stdout } = await nomyo(...args)
      expect(code).toBe(0)
      expect(stdout).toContain('Usage')
    }
    expect((await nomyo('verify', '--help')).stdout).toContain('Exit codes')
  })

  it.each([[[]], [['check']], [['policy']], [['policy', 'int']]])(
    '%j: exit code 2',
    async (args) => {
      expect((await nomyo(...args)).code).toBe(2)
    },
  )
})

describe('nomyo attest inspect of hostile evidence', () => {
  const hostile = file(
    answer({
      pcr_banks: 'sha256:0\u001b[2J\ntier affirming',
      pcr_values: { '\u001b]0;owned\u0007': { '0': '00' }, '\u009b\u202e': { '0': '00' } },
    }),
  )

  it.each(['inspect', 'verify'])('%s shows nothing that a terminal obeys', async (command) => {
    const more = command === 'verify' ? ['--policy', policy()] : []
    for (const json of [[], ['--json']]) {
      const { stdout } = await nomyo(command, hostile, ...more, ...json)
      expect(stdout).not.toBe('')
      expect(stdout).not.toContain('\ntier affirming')
      expect(stdout.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u)
    }
    expect(JSON.parse((await nomyo('inspect', hostile, '--json')).stdout)).toHaveProperty([
      'as listed by the sender',
      '\u009b\u202e PCR 0',
    ])
  })
})
