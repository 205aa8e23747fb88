import { Aes256Gcm, CipherSuite as CoreSuite, HkdfSha256 } from '@hpke/core'
import { XWing } from '@hpke/hybridkem-x-wing'
import { Identity, deriveResponseKeys, encryptChunk } from 'ehbp'
import * as hpke from 'hpke'
import { CompactEncrypt, compactDecrypt, generateKeyPair } from 'jose'
import { decode, encode, type ExchangeContender, type Text } from '../contender.js'

/** The label of the answer's key in Oblivious HTTP. */
const RESPONSE = new TextEncoder().encode('message/bhttp response')

/** AES-GCM under an exported key: how HPKE protects an answer. */
async function answerKey(exported: ArrayBuffer | Uint8Array): Promise<CryptoKey> {
  const bytes = new Uint8Array(exported)
  return crypto.subtle.importKey('raw', bytes, 'AES-GCM', false, ['encrypt', 'decrypt'])
}

/** Fresh keys per exchange: one nonce each. */
const ALGORITHM = { name: 'AES-GCM', iv: new Uint8Array(12) }

/** The npm package `hpke`: MLKEM768-X25519 where this Node has ML-KEM, else X25519. */
export async function hpkeOfPanva(): Promise<ExchangeContender> {
  const suiteOf = (kem: hpke.KEMFactory) =>
    new hpke.CipherSuite(kem, hpke.KDF_HKDF_SHA256, hpke.AEAD_AES_256_GCM)
  const hybrid = suiteOf(hpke.KEM_MLKEM768_X25519)
  const hasHybrid = await hybrid.GenerateKeyPair().then(
    () => true,
    () => false,
  )
  const suite = hasHybrid ? hybrid : suiteOf(hpke.KEM_DHKEM_X25519_HKDF_SHA256)
  const pair = await suite.GenerateKeyPair()
  return {
    exchange: async (value) => {
      const { encapsulatedSecret, ctx } = await suite.SetupSender(pair.publicKey)
      const sealed = await ctx.Seal(encode(value))
      const recipient = await suite.SetupRecipient(pair, encapsulatedSecret)
      const json = (await recipient.Open(sealed)) as Text
      const serverKey = await answerKey(await recipient.Export(RESPONSE, 32))
      const answer = await crypto.subtle.encrypt(ALGORITHM, serverKey, json)
      const clientKey = await answerKey(await ctx.Export(RESPONSE, 32))
      return decode(new Uint8Array(await crypto.subtle.decrypt(ALGORITHM, clientKey, answer)))
    },
  }
}

/** `@hpke/core` with its X-Wing. */
export async function hpkeCore(): Promise<ExchangeContender> {
  const suite = new CoreSuite({
    kem: new XWing(),
    kdf: new HkdfSha256(),
    aead: new Aes256Gcm(),
  })
  const { publicKey: recipientPublicKey, privateKey: recipientKey } =
    await suite.kem.generateKeyPair()
  return {
    exchange: async (value) => {
      const sender = await suite.createSenderContext({ recipientPublicKey })
      const sealed = await sender.seal(encode(value))
      const recipient = await suite.createRecipientContext({ recipientKey, enc: sender.enc })
      const json = await recipient.open(sealed)
      const serverKey = await answerKey(await recipient.export(RESPONSE, 32))
      const answer = await crypto.subtle.encrypt(ALGORITHM, serverKey, json)
      const clientKey = await answerKey(await sender.export(RESPONSE, 32))
      return decode(new Uint8Array(await crypto.subtle.decrypt(ALGORITHM, clientKey, answer)))
    },
  }
}

const EHBP_CHUNK = 65_536
const LENGTH_BYTES = 4

/** `ehbp` for the client; it has no server, whose half is written here with its functions. X25519. */
export async function ehbp(): Promise<ExchangeContender> {
  const identity = await Identity.generate()
  const suite = (identity as unknown as { suite: hpke.CipherSuite }).suite
  const pair = { publicKey: identity.getPublicKey(), privateKey: identity.getPrivateKey() }
  const label = (text: string): Uint8Array => new TextEncoder().encode(text)
  return {
    exchange: async (value) => {
      const plain = new Request('http://127.0.0.1/', { method: 'POST', body: encode(value) })
      const { request, context } = await identity.encryptRequestWithContext(plain)
      if (context === null) throw new Error('ehbp encrypted nothing')
      const body = new Uint8Array(await request.arrayBuffer())
      const recipient = await suite.SetupRecipient(pair, context.requestEnc, {
        info: label('ehbp request'),
      })
      const json = await openChunks(body, (chunk) => recipient.Open(chunk))

      const nonce = crypto.getRandomValues(new Uint8Array(32))
      const exported = await recipient.Export(label('ehbp response'), 32)
      const keys = await deriveResponseKeys(new Uint8Array(exported), context.requestEnc, nonce)
      const chunks: Uint8Array[] = []
      for (let at = 0, sequence = 0; at < json.length; at += EHBP_CHUNK, sequence++) {
        const chunk = await encryptChunk(keys, sequence, json.subarray(at, at + EHBP_CHUNK))
        const length = Buffer.alloc(LENGTH_BYTES)
        length.writeUInt32BE(chunk.length)
        chunks.push(length, chunk)
      }
      const headers = { 'Ehbp-Response-Nonce': Buffer.from(nonce).toString('hex') }
      const answer = new Response(Buffer.concat(chunks), { headers })
      const opened = await identity.decryptResponseWithContext(answer, context)
      return opened.json()
    },
  }
}

/** Decrypts chunks with lengths of four bytes. */
async function openChunks(
  body: Uint8Array,
  open: (chunk: Uint8Array) => Promise<Uint8Array>,
): Promise<Text> {
  const view = new DataView(body.buffer, body.byteOffset)
  const chunks: Uint8Array[] = []
  for (let at = 0; at < body.length;) {
    const end = at + LENGTH_BYTES + view.getUint32(at)
    chunks.push(await open(body.subarray(at + LENGTH_BYTES, end)))
    at = end
  }
  return Buffer.concat(chunks)
}

/** `jose`: JWE with X25519 both ways, ECDH-ES and A256GCM. */
export async function jose(): Promise<ExchangeContender> {
  const header = { alg: 'ECDH-ES', enc: 'A256GCM' } as const
  const [server, client] = await Promise.all(
    [0, 1].map(() => generateKeyPair('ECDH-ES', { crv: 'X25519' })),
  )
  if (server === undefined || client === undefined) throw new Error('no keys')
  const seal = (json: Uint8Array, { publicKey }: typeof server): Promise<string> =>
    new CompactEncrypt(json).setProtectedHeader(header).encrypt(publicKey)
  return {
    exchange: async (value) => {
      const { plaintext } = await compactDecrypt(
        await seal(encode(value), server),
        server.privateKey,
      )
      const answer = await compactDecrypt(await seal(plaintext, client), client.privateKey)
      return decode(answer.plaintext)
    },
  }
}
