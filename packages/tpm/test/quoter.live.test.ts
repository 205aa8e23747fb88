import { createHash, randomBytes } from 'node:crypto'
import { appraise, pinnedAk } from '@nomyo/attest'
import {
  HASHES,
  TPMA_OBJECT,
  TPM_RH,
  computeName,
  parseAttest,
  parsePublic,
} from '@nomyo/attest/structures'
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import {
  DEFAULT_AK_HANDLE,
  Tpm,
  createPrimary,
  createQuoter,
  evictControl,
  flushContext,
  pcrRead,
  readPublic,
  type SendCommand,
} from '../src/index.js'
import { attestationKeyTemplate } from '../src/keys/attestation-key.js'
import { encodeCommand, password } from '../src/wire/command.js'
import { Writer } from '../src/wire/writer.js'
import { expectCode } from './support/errors.js'
import { QUOTE, intercept, type Interception } from './support/intercept.js'
import { countLoaded } from './support/loaded-handles.js'
import { pcrExtend } from './support/pcr-extend.js'
import { fromBase64, verifyQuote } from './support/verify-quote.js'
import { startSwtpm, isInstalled, type Swtpm, type SwtpmOptions } from '@nomyo-internal/testing'

const NONCE = new Uint8Array(32).fill(0xa5)
const EPHEMERAL = { mode: 'ephemeral' } as const

describe.skipIf(!isInstalled('swtpm'))('a quoter on a software TPM', () => {
  let swtpm: Swtpm
  let tpm: Tpm

  beforeAll(async () => {
    swtpm = await startSwtpm({ over: 'tcp' })
    tpm = new Tpm(swtpm.address)
  })
  afterEach(async () => {
    expect(await tpm.exclusive(countLoaded)).toBe(0)
  })
  afterAll(async () => {
    await tpm.close()
    await swtpm.stop()
  })

  it('makes a quote that OpenSSL and a verifier accept', async () => {
    const quoter = await createQuoter({ tpm, pcrs: 'sha256:0,7,10' })
    const quote = await quoter.quote(NONCE)
    verifyQuote(quote, NONCE)
    expect(quote.pcr_banks).toBe('sha256:0,7,10')
    expect(fromBase64(quote.aik_pubkey_b64)).toEqual(quoter.akPublic)
    expect(await computeName(parsePublic(quoter.akPublic))).toEqual(new Uint8Array(quoter.akName))

    const result = await appraise(quote, {
      nonce: { extraData: NONCE },
      requiredPcrs: 'sha256:0,7,10',
      referenceValues: quote.pcr_values,
      trust: [pinnedAk(quoter.akName)],
    })
    expect(result.checks.filter(({ status }) => status === 'fail' || status === 'warn')).toEqual([])
    expect(result.tier).toBe('affirming')
  })

  it.each([
    ['one PCR', 'sha256:23'],
    ['two banks, in another order than the TPM lists them', 'sha384:7,1+sha1:0'],
    ['all PCRs in several reads', 'sha256:' + Array.from({ length: 24 }, (_, i) => i).join()],
    ['many PCRs of every bank', 'sha512:0,1,2,8,9+sha1:0,1,2,3,4,5+sha384:16,23+sha256:10,11,12'],
  ])('quotes %s', async (_, pcrs) => {
    await tpm.exclusive((send) => pcrExtend(send, 23, 'sha256', randomBytes(32)))
    const quoter = await createQuoter({ tpm, pcrs })
    const quote = await quoter.quote(NONCE)
    verifyQuote(quote, NONCE)
    for (const [bank, values] of Object.entries(quote.pcr_values)) {
      const size = { sha1: 40, sha256: 64, sha384: 96, sha512: 128 }[bank]
      for (const value of Object.values(values)) {
        expect(value).toMatch(/^[0-9a-f]+$/)
        expect(value.length).toBe(size)
      }
    }
    expect(quote.pcr_banks.split('+').map((part) => part.split(':')[0])).toEqual(
      pcrs.split('+').map((part) => part.split(':')[0]),
    )
  })

  it('accepts 1 to 32 bytes of extraData, and copies them', async () => {
    const quoter = await createQuoter({ tpm, pcrs: 'sha256:0' })
    for (const length of [0, 33, 66]) {
      await expectCode(quoter.quote(new Uint8Array(length)), 'ERR_TPM_INPUT')
    }
    verifyQuote(await quoter.quote(Uint8Array.of(1)), Uint8Array.of(1))
    const own = NONCE.slice()
    const quoting = quoter.quote(own)
    own.fill(0)
    verifyQuote(await quoting, NONCE)
  })

  it('serves fifty requests while another writer extends a quoted PCR', async () => {
    const quoter = await createQuoter({ tpm, pcrs: 'sha256:0,16' })
    const nonces = Array.from({ length: 50 }, () => new Uint8Array(randomBytes(32)))
    const quotes = nonces.map((nonce) => {
      const quoting = quoter.quote(nonce)
      void tpm.exclusive((send) => pcrExtend(send, 16, 'sha256', randomBytes(32)))
      return quoting
    })
    for (const [index, quote] of (await Promise.all(quotes)).entries()) {
      verifyQuote(quote, nonces[index]!)
    }
    const states = (await Promise.all(quotes)).map((quote) => quote.pcr_values['sha256']?.['16'])
    expect(new Set(states).size).toBe(50)
  })
})

/** A TPM of its own for one test, closed and stopped with it; `before` intercepts each command. */
async function freshTpm(
  options: SwtpmOptions & { before?: Interception } = {},
): Promise<{ tpm: Tpm; swtpm: Swtpm }> {
  const swtpm = await startSwtpm(options)
  const { before } = options
  const tpm = new Tpm(before === undefined ? swtpm.address : intercept(swtpm.address, before))
  onTestFinished(async () => {
    await tpm.close()
    await swtpm.stop()
  })
  return { tpm, swtpm }
}

/** Checks that the handle of the quoter holds no key. */
const expectNoKey = (tpm: Tpm): Promise<void> =>
  expectCode(
    tpm.exclusive((send) => readPublic(send, DEFAULT_AK_HANDLE)),
    'ERR_TPM_COMMAND',
    0x18b,
  )

const { fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, noDA, sign } = TPMA_OBJECT
const UNRESTRICTED = fixedTPM | fixedParent | sensitiveDataOrigin | userWithAuth | noDA | sign

/** The template of an attestation key, with other attributes. */
function templateWith(bits: number): Uint8Array {
  const template = attestationKeyTemplate(new Uint8Array(32))
  new DataView(template.buffer).setUint32(4, bits)
  return template
}

/** Makes a key and stores it at the handle of the quoter. */
async function occupy(
  send: SendCommand,
  hierarchy: 'owner' | 'endorsement',
  template: Uint8Array,
): Promise<void> {
  const { handle } = await createPrimary(send, { hierarchy, template })
  await evictControl(send, { object: handle, persistent: DEFAULT_AK_HANDLE })
  await flushContext(send, handle)
}

describe.skipIf(!isInstalled('swtpm'))('a long-lived key', () => {
  it('is made once, reopened, and survives a power cycle under a quoter', async () => {
    const { tpm, swtpm } = await freshTpm({ over: 'tcp', notStarted: true })
    const first = await createQuoter({ tpm, pcrs: 'sha256:0' })
    const second = await createQuoter({ tpm, pcrs: 'sha256:0' })
    expect(second.akName).toEqual(first.akName)
    const before = parseAttest(fromBase64((await first.quote(NONCE)).quote_b64))

    await swtpm.restart()
    const quote = await first.quote(NONCE)
    verifyQuote(quote, NONCE)
    const after = parseAttest(fromBase64(quote.quote_b64))
    expect(after.qualifiedSigner).toEqual(before.qualifiedSigner)
    expect(after.clockInfo.resetCount).toBe(before.clockInfo.resetCount + 1)
  })

  it('is restricted, bound to its TPM, and causes no lockout', async () => {
    const { tpm } = await freshTpm()
    const { akPublic } = await createQuoter({ tpm, pcrs: 'sha256:0' })
    const { objectAttributes, type, scheme } = parsePublic(akPublic)
    expect(objectAttributes).toBe(0x00050472)
    expect([type, scheme]).toEqual(['ECC', { id: 0x18, hashId: 0x0b }])
  })

  it('is stored at the given handle', async () => {
    const { tpm } = await freshTpm()
    const handle = 0x81000042
    const quoter = await createQuoter({ tpm, pcrs: 'sha256:0', ak: { mode: 'persistent', handle } })
    const { name } = await tpm.exclusive((send) => readPublic(send, handle))
    expect(name).toEqual(quoter.akName)
    await expectNoKey(tpm)
  })

  it.each([0, 0x80ffffff, 0x81800000, 0x40000001, 0x81000000 + 0.5])(
    'is not stored at %i',
    async (handle) => {
      const { tpm } = await freshTpm()
      await expectCode(
        createQuoter({ tpm, pcrs: 'sha256:0', ak: { mode: 'persistent', handle } }),
        'ERR_TPM_INPUT',
      )
    },
  )

  it.each([
    ['of the owner hierarchy', 'owner', attestationKeyTemplate(new Uint8Array(32))],
    ['that signs any bytes', 'endorsement', templateWith(UNRESTRICTED)],
    ['with the lockout', 'endorsement', templateWith(0x00050072)],
  ] as const)('never replaces a key %s', async (_, hierarchy, template) => {
    const { tpm } = await freshTpm()
    await tpm.exclusive((send) => occupy(send, hierarchy, template))
    const before = await tpm.exclusive((send) => readPublic(send, DEFAULT_AK_HANDLE))
    await expectCode(createQuoter({ tpm, pcrs: 'sha256:0' }), 'ERR_TPM_AK')
    expect(await tpm.exclusive((send) => readPublic(send, DEFAULT_AK_HANDLE))).toEqual(before)
  })

  it('is refused after it was replaced', async () => {
    const { tpm } = await freshTpm()
    const quoter = await createQuoter({ tpm, pcrs: 'sha256:0' })
    await tpm.exclusive(async (send) => {
      await evictControl(send, { object: DEFAULT_AK_HANDLE, persistent: DEFAULT_AK_HANDLE })
      await occupy(send, 'endorsement', attestationKeyTemplate(NONCE))
    })
    await expectCode(quoter.quote(NONCE), 'ERR_TPM_AK')
  })

  it('requires the auth values of the hierarchies', async () => {
    const { tpm } = await freshTpm()
    const ownerAuth = new Uint8Array(randomBytes(16))
    const endorsementAuth = new Uint8Array(randomBytes(16))
    await tpm.exclusive(async (send) => {
      for (const [hierarchy, auth] of [
        [TPM_RH.owner, ownerAuth],
        [TPM_RH.endorsement, endorsementAuth],
      ] as const) {
        await send({
          name: 'TPM2_HierarchyChangeAuth',
          code: 0x129,
          handles: [hierarchy],
          authorizations: [password()],
          parameters: new Writer().sized(auth).toBytes(),
        })
      }
    })
    const create = (ak: { ownerAuth?: Uint8Array; endorsementAuth?: Uint8Array }) =>
      createQuoter({ tpm, pcrs: 'sha256:0', ak: { mode: 'persistent', ...ak } })
    await expectCode(create({ ownerAuth }), 'ERR_TPM_COMMAND', 0x9a2)
    await expectCode(create({ endorsementAuth }), 'ERR_TPM_COMMAND', 0x9a2)
    expect(await tpm.exclusive(countLoaded)).toBe(0)
    const quoter = await create({ ownerAuth, endorsementAuth })
    verifyQuote(await quoter.quote(NONCE), NONCE)
    verifyQuote(await (await create({})).quote(NONCE), NONCE)
    await createQuoter({ tpm, pcrs: 'sha256:0', ak: { ...EPHEMERAL, endorsementAuth } })
  })
})

describe.skipIf(!isInstalled('swtpm'))('an ephemeral key', () => {
  it('differs for each quoter, stays the same for its quotes, and is always flushed', async () => {
    const { tpm } = await freshTpm()
    const options = { tpm, pcrs: 'sha256:0', ak: EPHEMERAL }
    const quoters = [await createQuoter(options), await createQuoter(options)]
    expect(quoters[0]!.akName).not.toEqual(quoters[1]!.akName)
    for (const quoter of [...quoters, ...quoters]) {
      const quote = await quoter.quote(NONCE)
      verifyQuote(quote, NONCE)
      expect(fromBase64(quote.aik_pubkey_b64)).toEqual(quoter.akPublic)
      expect(await tpm.exclusive(countLoaded)).toBe(0)
    }
    await expectNoKey(tpm)
  })

  it('is flushed when quoting fails', async () => {
    let broken = false
    const { tpm } = await freshTpm({
      before: (code, command) => {
        // A PCR selection of 255 banks.
        if (code === QUOTE && broken) command[command.length - 7] = 0xff
      },
    })
    const quoter = await createQuoter({ tpm, pcrs: 'sha256:0', ak: EPHEMERAL })
    broken = true
    await expectCode(quoter.quote(NONCE), 'ERR_TPM_COMMAND', 0x3d5)
    expect(await tpm.exclusive(countLoaded)).toBe(0)
  })
})

describe.skipIf(!isInstalled('swtpm'))('PCRs', () => {
  it.each([
    '',
    'sha256',
    'sha256:',
    'sha256:24',
    'sha256:0,0',
    'sha256:0+sha256:1',
    'sha3_256:0',
    'SHA256:0',
    'sha256:-1',
  ])('%j are refused before a command is sent', async (pcrs) => {
    const tpm = new Tpm('unix:///nowhere/socket')
    await expectCode(createQuoter({ tpm, pcrs }), 'ERR_TPM_PCRS')
  })

  it('of a missing bank are refused, and no key is made', async () => {
    const { tpm } = await freshTpm({ banks: 'sha256' })
    for (const pcrs of ['sha1:0', 'sha256:0,1,2,3,4,5,6,7,8+sha384:0']) {
      await expectCode(createQuoter({ tpm, pcrs }), 'ERR_TPM_PCRS')
    }
    await expectNoKey(tpm)
    verifyQuote(await (await createQuoter({ tpm, pcrs: 'sha256:0' })).quote(NONCE), NONCE)
  })

  it.each([
    ['PCRs that are not quoted', 'ERR_TPM_PCRS', 3],
    ['the answer to another nonce', 'ERR_TPM_RESPONSE', 20],
  ] as const)('and %s are noticed', async (_, code, fromEnd) => {
    const { tpm } = await freshTpm({
      before: (command, bytes) => {
        // The mask of the selection, or the end of extraData.
        if (command === QUOTE) bytes[bytes.length - fromEnd] = 0
      },
    })
    // The first quote is over zeros: another zero changes nothing in it.
    const creating = createQuoter({ tpm, pcrs: 'sha256:0' })
    if (code === 'ERR_TPM_PCRS') return expectCode(creating, code)
    await expectCode((await creating).quote(NONCE), code)
  })

  it('are read over a Unix socket', async () => {
    const { tpm } = await freshTpm()
    const ones = new Uint8Array(20).fill(1)
    await tpm.exclusive(async (send) => {
      await pcrExtend(send, 23, 'sha1', ones)
      const values = await pcrRead(send, [{ hash: 'sha1', pcrs: [17, 23] }])
      expect(values.map(({ hash, pcr }) => `${hash}:${pcr}`)).toEqual(['sha1:17', 'sha1:23'])
      expect(values[0]!.value).toEqual(new Uint8Array(20).fill(0xff))
      expect(Buffer.from(values[1]!.value).toString('hex')).toBe(
        createHash('sha1').update(new Uint8Array(20)).update(ones).digest('hex'),
      )
    })
  })
})

describe.skipIf(!isInstalled('swtpm'))('PCRs that change between reading and quoting', () => {
  const extend = encodeCommand({
    name: 'TPM2_PCR_Extend',
    code: 0x182,
    handles: [16],
    authorizations: [password()],
    parameters: new Writer().u32(1).u16(HASHES.sha256.id).raw(NONCE).toBytes(),
  })

  /** A quoter; another program extends PCR 16 this many times just before it quotes. */
  const disturbed = async () => {
    const state = { disturbances: 0, quotes: 0 }
    const { tpm } = await freshTpm({
      before: async (code, _, inner) => {
        if (code !== QUOTE) return
        state.quotes++
        if (state.disturbances-- > 0) await inner.transmit(extend)
      },
    })
    const quoter = await createQuoter({ tpm, pcrs: 'sha256:0,16', ak: EPHEMERAL })
    state.quotes = 0
    return { tpm, quoter, state }
  }

  it.each([1, 4])('are read again, %i times', async (disturbances) => {
    const { quoter, state } = await disturbed()
    state.disturbances = disturbances
    verifyQuote(await quoter.quote(NONCE), NONCE)
    expect(state.quotes).toBe(disturbances + 1)
  })

  it('are an error in the end', async () => {
    const { tpm, quoter, state } = await disturbed()
    state.disturbances = Infinity
    await expectCode(quoter.quote(NONCE), 'ERR_TPM_PCRS_CHANGING')
    expect(state.quotes).toBe(5)
    expect(await tpm.exclusive(countLoaded)).toBe(0)
  })
})
