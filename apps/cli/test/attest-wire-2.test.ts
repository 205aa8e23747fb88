import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  appraise,
  keyBindingExtraData,
  payloadIdExtraData,
  statementExtraData,
} from '@nomyo/attest'
import { formatPolicyFile, parsePolicyFile } from '@nomyo/attest/policy-file'
import { createReceipt, type Receipt } from '@nomyo/attest/receipt'
import { importPublicKey } from '@nomyo/crypto'
import {
  createRequestKey,
  encodeKeyList,
  encodeStatement,
  generateIdentityKey,
  loadClassicKem,
  signStatement,
  type StatementContent,
} from '@nomyo/crypto/wire-2'
import { startServer, stopAfterTest, temporaryFolder } from '@nomyo-internal/testing'
import { keyPem } from '@nomyo-internal/testing/vectors'
import { PCR_VALUES, forgeKey, forgeQuote, forgedName } from '@nomyo-internal/testing/vectors/forge'
import { describe, expect, it } from 'vitest'
import { Home, useFiles } from './support.js'

const folder = temporaryFolder()
const file = useFiles()
const attest = (...args: string[]) => new Home().run(['attest', ...args])

const PEM = keyPem('keys/server.public.pem')
const AK = forgeKey()
const { key: identity } = await generateIdentityKey()
const keyList = encodeKeyList([await createRequestKey(await loadClassicKem(), { id: 1 })])
const { spkiDer: spki, fingerprint: rsaKey } = await importPublicKey(PEM)

const contentAt = (notBefore: number): StatementContent => ({
  notBefore,
  notAfter: notBefore + 7200,
  keyList,
  minWire: '1.0',
  rsaKeys: [rsaKey],
  identities: [identity.fingerprint],
  maxRequest: 1_000_000,
  maxChunk: 65_536,
  routes: ['POST /v1/chat/completions'],
})

/** A statement that is valid from this time on, with its signatures. */
async function signed(notBefore = Math.floor(Date.now() / 1000)) {
  const statement = encodeStatement(contentAt(notBefore))
  const document = await signStatement(statement, [identity])
  return { statement, document, members: JSON.parse(Buffer.from(document).toString()) as object }
}

const POLICY = formatPolicyFile({
  requiredPcrs: 'sha256:0,7,10',
  referenceValues: PCR_VALUES,
  pinnedAkNames: [forgedName(AK)],
})

/** A gateway with a TPM, with or without wire 2. */
async function gateway({ wire2 = true, notBefore = undefined as number | undefined } = {}) {
  const { statement, members } = await signed(notBefore)
  const asked: string[] = []
  const { url } = stopAfterTest(
    await startServer((request, response) => {
      void (async () => {
        const { searchParams } = new URL(request.url ?? '', 'http://localhost')
        asked.push(searchParams.get('wire') ?? '1')
        const nonce = Buffer.from(searchParams.get('nonce') ?? '', 'base64url')
        const forStatement = wire2 && searchParams.get('wire') === '2'
        const extraData = forStatement
          ? await statementExtraData({ nonce, statement })
          : await keyBindingExtraData({ nonce, spki })
        const subject = forStatement ? members : { public_key: PEM }
        const quote = forgeQuote(extraData, { key: AK })
        response.end(JSON.stringify({ ...subject, tpm_attestation: quote }))
      })()
    }),
  )
  return { url, asked }
}

describe('nomyo attest on a gateway with wire 2', () => {
  const verify = (url: string, ...args: string[]) =>
    attest('verify', url, '--allow-http', '--policy', file(POLICY), ...args)

  it('appraises its key statement, and names it', async () => {
    const { url, asked } = await gateway()
    const { code, stdout } = await verify(url)
    expect(code).toBe(0)
    expect(stdout).toMatch(/^Wire 2: key statement [0-9a-f]{64}$/m)
    expect(stdout).toContain(`signed by ${identity.fingerprint}, valid from 2`)
    expect(asked).toEqual(['2'])
  })

  it('has the statement in its JSON', async () => {
    const { stdout } = await verify((await gateway()).url, '--json')
    const { verified, wire } = JSON.parse(stdout)
    expect(wire).toMatchObject({ version: 2, identities: [identity.fingerprint] })
    expect(verified.boundStatement).toBe(wire.statement_sha256)
  })

  it('uses wire 1 where that is chosen', async () => {
    const { url, asked } = await gateway()
    const { code, stdout } = await verify(url, '--wire', '1')
    expect(code).toBe(0)
    expect(stdout).toContain(`The gateway showed the encryption key ${rsaKey} (wire 1)`)
    expect(asked).toEqual(['1'])
  })

  it('uses wire 1 where there is no other, unless wire 2 is chosen', async () => {
    const { url, asked } = await gateway({ wire2: false })
    const { code, stdout } = await verify(url, '--json')
    expect(code).toBe(0)
    expect(JSON.parse(stdout).wire).toEqual({ version: 1, fingerprint: rsaKey })
    expect(asked).toEqual(['2', '1'])
    expect((await verify(url, '--wire', '2')).code).toBe(4)
    expect((await verify(url, '--wire', '3')).code).toBe(2)
  })

  it('refuses an expired statement, and asks for nothing else', async () => {
    const notBefore = Math.floor(Date.now() / 1000) - 10_000
    const { url, asked } = await gateway({ notBefore })
    const { code, stderr } = await verify(url)
    expect(code).toBe(3)
    expect(stderr).toContain('ERR_STATEMENT_EXPIRED')
    expect(asked).toEqual(['2'])
  })

  it('records a machine by its statement', async () => {
    const { url } = await gateway()
    const path = join(folder, 'policy.json')
    expect((await attest('policy', 'init', url, '--allow-http', '--output', path)).code).toBe(0)
    expect(readFileSync(path, 'utf8')).toContain(forgedName(AK))
  })

  it('appraises a saved answer with its nonce', async () => {
    const { statement, members } = await signed(1_700_000_000)
    const nonce = Buffer.alloc(32, 7)
    const quote = forgeQuote(await statementExtraData({ nonce, statement }), { key: AK })
    const saved = { ...members, tpm_attestation: quote }
    const verifySaved = (json: unknown, text: string) =>
      attest('verify', file(json), '--policy', file(POLICY), '--nonce', text, '--json')
    const good = await verifySaved(saved, nonce.toString('base64url'))
    expect(good.code).toBe(0)
    expect((await verifySaved(saved, Buffer.alloc(32).toString('base64url'))).code).toBe(3)
    const other = { ...saved, statement: Buffer.from('{}').toString('base64') }
    expect((await verifySaved(other, nonce.toString('base64url'))).code).toBe(3)
    const malformed = { ...saved, statement: 'not base64' }
    expect((await verifySaved(malformed, nonce.toString('base64url'))).code).toBe(2)
  })
})

describe('nomyo attest verify, given a receipt of wire 2', () => {
  const createdAt = new Date('2026-11-28T12:00:00Z')
  const then = createdAt.getTime() / 1000

  async function receipt({ notBefore = then - 60, withEvidence = true } = {}): Promise<Receipt> {
    const { statement, document } = await signed(notBefore)
    const payloadId = '4be4f1c0-0a4f-4e53-9a0e-6ff0cf3d1a51'
    const nonce = new Uint8Array(32).fill(1)
    const evidence = forgeQuote(await payloadIdExtraData(payloadId), { key: AK })
    const forStatement = forgeQuote(await statementExtraData({ nonce, statement }), { key: AK })
    const policy = parsePolicyFile(POLICY)
    return createReceipt({
      createdAt,
      writtenBy: 'test/1',
      payloadId,
      payloadIdMode: 'sha256',
      algorithm: 'OHTTP MLKEM768-X25519 HKDF-SHA256 AES-256-GCM',
      serverKey: identity.fingerprint,
      request: {},
      answer: {},
      evidence,
      keyEvidence: undefined,
      policy: policy.document,
      result: await appraise(evidence, { ...policy, nonce: { payloadId, mode: 'sha256' } }),
      wire: {
        document,
        enc: new Uint8Array(1120),
        evidence: withEvidence ? { nonce, evidence: forStatement } : undefined,
      },
    })
  }

  const verify = (given: unknown, ...args: string[]) => attest('verify', file(given), ...args)

  it('shows wire, statement and identity', async () => {
    const { code, stdout } = await verify(await receipt())
    expect(code).toBe(0)
    expect(stdout).toContain(`over wire 2, encrypted to a request key of ${identity.fingerprint}`)
    expect(stdout).toMatch(/^Wire 2: key statement [0-9a-f]{64}$/m)
    expect(stdout).toContain('the machine endorsed this key statement: tier affirming')
  })

  it('has the wire in its JSON', async () => {
    const { stdout } = await verify(await receipt(), '--json')
    const { wire, key } = JSON.parse(stdout)
    expect(wire).toEqual({ version: 2, statement_sha256: key.verified.boundStatement })
  })

  it('warns without evidence over the statement', async () => {
    const { code, stdout } = await verify(await receipt({ withEvidence: false }))
    expect(code).toBe(5)
    expect(stdout).toContain('published this key statement: a warning')
  })

  it.each([
    ['a statement of another time', { notBefore: then + 3600 }, 3],
    ['a statement that had expired', { notBefore: then - 7300 }, 3],
  ])('with %s ends with its code', async (_, changes, code) => {
    expect((await verify(await receipt(changes))).code).toBe(code)
  })

  it('is refused where another identity is named', async () => {
    const serverKey = `sha256/${'A'.repeat(43)}=`
    expect((await verify({ ...(await receipt()), serverKey })).code).toBe(2)
  })

  it('inspects its evidence', async () => {
    expect((await attest('inspect', file(await receipt()))).code).toBe(0)
  })
})
