import {
  EXIT,
  UsageError,
  WIRE_OPTION,
  defineOptions,
  type CommandContext,
  type Wire,
} from '@nomyo-internal/command-line'
import { RECEIPT_FORMAT, WIRE_2_RECEIPT_FORMAT } from '@nomyo/attest/receipt'
import { importPublicKey } from '@nomyo/crypto'
import { APIError } from '@nomyo/transport'
import { CommandError } from '../../describe-error.js'
import { readNamedFile, readStream } from '../../files.js'
import {
  fetchGatewayEvidence,
  isEvidenceMissing,
  type GatewayEvidence,
} from '../../gateway/attest-gateway.js'
import { ALLOW_HTTP_OPTION, parseGatewayUrl } from '../../settings/gateway-settings.js'
import { MAX_DOCUMENT_MEBIBYTES } from '../../settings/policy.js'

/** Operand of commands that read evidence. */
export const SOURCE_OPERAND = {
  usage: 'SOURCE',
  missing: 'give a file, - for standard input, or the URL of a gateway',
  min: 1,
  words: 'paths',
  parse: (text: string) => (isUrl(text) ? parseGatewayUrl(text) : text),
} as const

/** Options of commands that read evidence of a gateway. */
export const SOURCE_OPTIONS = defineOptions({
  ...ALLOW_HTTP_OPTION,
  wire: {
    ...WIRE_OPTION,
    summary: 'protocol whose keys the gateway attests: 1, 2, or auto, which is 2 if offered',
  },
})

/** Settings of a request for evidence. */
export interface SourceSettings {
  readonly allowHttp: boolean
  readonly wire: Wire
}

/** Paragraph about {@link SOURCE_OPERAND} for help texts. */
export const SOURCE_NOTE =
  'SOURCE is a file, - for standard input, or the URL of a gateway. A file holds a saved answer (the ' +
  'JSON of a chat completion with _metadata), the tpm_attestation object alone, or the answer to GET ' +
  '/pki/attestation. A gateway receives a fresh nonce, for its encryption keys.'

/** Evidence and what it claims to be made for. */
export interface Source {
  /** The `tpm_attestation` object, not appraised. */
  readonly evidence: unknown
  /** Payload id of a saved answer. */
  readonly payloadId?: string
  /** SubjectPublicKeyInfo (DER) of the key that a gateway requested it for. */
  readonly spki?: Uint8Array
  /** Key statement of wire 2 that a gateway requested it for; its signatures are not verified. */
  readonly statement?: Uint8Array
  /** Present for evidence that a gateway gave just now. */
  readonly gateway?: GatewayEvidence
}

/** Tells whether a source is a gateway. */
export const isUrl = (source: string): boolean => /^https?:\/\//.test(source)

/**
 * Reads evidence from a file, standard input or a gateway.
 *
 * @throws UsageError for a source that cannot be read or holds no evidence
 * @throws CommandError, APIConnectionError for a gateway that gives none
 */
export async function readSource(
  source: string,
  { allowHttp, wire }: SourceSettings,
  context: CommandContext,
): Promise<Source> {
  if (!isUrl(source)) return sourceFromText(await readDocument(source, context), source)
  const gateway = await fetchGatewayEvidence({ gateway: source, allowHttp }, wire).catch(
    (error: unknown) => {
      if (!(error instanceof APIError)) throw error
      throw new CommandError(
        isEvidenceMissing(error)
          ? 'the gateway offers no evidence: it has no TPM configured, or is an older one'
          : `the gateway gave no evidence: ${error.message} (${error.code})`,
        EXIT.unreachable,
      )
    },
  )
  return { evidence: gateway.evidence, gateway }
}

/**
 * Reads evidence from a text.
 *
 * @param path - source of the text, for messages
 * @throws UsageError
 */
export const sourceFromText = async (text: string, path: string): Promise<Source> =>
  fromJson(parseJson(text, path), path)

/** Reads a file, or standard input for `-`. @throws UsageError */
export async function readDocument(path: string, { stdin }: CommandContext): Promise<string> {
  const limit = MAX_DOCUMENT_MEBIBYTES
  const bytes = path === '-' ? await readStream(stdin, limit) : readNamedFile(path, limit)
  return bytes.toString()
}

/** Parses the text of a file as JSON. @throws UsageError */
export function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    throw new UsageError(`${path} is not JSON`)
  }
}

async function fromJson(json: unknown, path: string): Promise<Source> {
  if (isReceiptFormat(member(json, 'format'))) {
    return { evidence: member(json, 'evidence'), ...payloadIdOf(member(json, 'payloadId')) }
  }
  const metadata = member(json, '_metadata')
  if (metadata !== undefined) {
    const evidence = member(metadata, 'tpm_attestation')
    if (evidence === undefined) throw new UsageError(`the answer in ${path} holds no evidence`)
    return { evidence, ...payloadIdOf(member(metadata, 'payload_id')) }
  }
  const evidence = member(json, 'tpm_attestation')
  if (evidence !== undefined) {
    const statement = member(json, 'statement')
    if (statement !== undefined) return { evidence, statement: statementOf(statement, path) }
    const pem = member(json, 'public_key')
    return { evidence, ...(typeof pem === 'string' ? { spki: await spkiOf(pem, path) } : {}) }
  }
  if (member(json, 'is_available') !== undefined) return { evidence: json }
  throw new UsageError(
    `${path} holds no evidence: neither an answer with _metadata nor a tpm_attestation object`,
  )
}

const payloadIdOf = (payloadId: unknown): Pick<Source, 'payloadId'> =>
  typeof payloadId === 'string' ? { payloadId } : {}

/** Tells the format of receipts, over either wire. */
export const isReceiptFormat = (format: unknown): boolean =>
  format === RECEIPT_FORMAT || format === WIRE_2_RECEIPT_FORMAT

function statementOf(text: unknown, path: string): Uint8Array {
  const bytes = Buffer.from(typeof text === 'string' ? text : '', 'base64')
  if (bytes.length > 0 && bytes.toString('base64') === text) return bytes
  throw new UsageError(`the statement in ${path} is not base64`)
}

async function spkiOf(pem: string, path: string): Promise<Uint8Array> {
  try {
    return (await importPublicKey(pem, { minBits: 2048 })).spkiDer
  } catch {
    throw new UsageError(`the public_key in ${path} is not an RSA key`)
  }
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined
}
