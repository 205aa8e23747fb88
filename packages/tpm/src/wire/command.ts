import { TpmError } from '../errors.js'
import { explainResponseCode } from './response-codes.js'
import { ResponseReader, malformed } from './response-reader.js'
import { EMPTY, Writer } from './writer.js'

/** Command before its encoding (Part 1, 18). */
export interface TpmCommand {
  /** Name in the specification, for error messages: "TPM2_Quote". */
  readonly name: string
  /** TPM_CC. */
  readonly code: number
  readonly handles?: readonly number[]
  /** One for each handle that requires it, in the order of the handles. */
  readonly authorizations?: readonly Authorization[]
  readonly parameters?: Uint8Array
  /** True when the response begins with a handle. */
  readonly returnsHandle?: boolean
}

/** Authorization to use a handle: a password, or a satisfied policy session. */
export interface Authorization {
  /** 0x40000009 (TPM_RS_PW) for a password, or the handle of a policy session. */
  readonly session: number
  /** The auth value; empty with a policy session. */
  readonly secret: Uint8Array
}

/**
 * Function that sends one command and returns handle and parameters of its response, concatenated. Valid
 * within its sequence; one command at a time.
 *
 * @throws TpmError `ERR_TPM_COMMAND` when the TPM refuses, `ERR_TPM_RESPONSE`, `ERR_TPM_TIMEOUT`,
 * `ERR_TPM_UNREACHABLE`, `ERR_TPM_CLOSED`
 */
export type SendCommand = (command: TpmCommand) => Promise<ResponseReader>

const TPM_ST_NO_SESSIONS = 0x8001
const TPM_ST_SESSIONS = 0x8002
const TPM_RS_PW = 0x40000009
const CONTINUE_SESSION = 1
const HEADER_BYTES = 10

/** Makes the authorization with an auth value, empty unless the owner of the handle set one. */
export function password(secret: Uint8Array = EMPTY): Authorization {
  return { session: TPM_RS_PW, secret }
}

export function encodeCommand(command: TpmCommand): Uint8Array {
  const { handles = [], authorizations = [], parameters = EMPTY } = command
  const body = new Writer()
  for (const handle of handles) body.u32(handle)
  if (authorizations.length > 0) {
    const area = new Writer()
    for (const { session, secret } of authorizations) {
      area.u32(session).sized(EMPTY).u8(CONTINUE_SESSION).sized(secret)
    }
    const bytes = area.toBytes()
    body.u32(bytes.length).raw(bytes)
  }
  const bytes = body.raw(parameters).toBytes()
  return new Writer()
    .u16(authorizations.length > 0 ? TPM_ST_SESSIONS : TPM_ST_NO_SESSIONS)
    .u32(HEADER_BYTES + bytes.length)
    .u32(command.code)
    .raw(bytes)
    .toBytes()
}

/** Reads the TPM_RC of a response, after checking its header. */
export function responseCodeOf(response: Uint8Array): number {
  const reader = new ResponseReader(response)
  const tag = reader.u16()
  if (tag !== TPM_ST_NO_SESSIONS && tag !== TPM_ST_SESSIONS) throw malformed('has an unknown tag')
  if (reader.u32() !== response.length) throw malformed('has a length other than its header claims')
  return reader.u32()
}

/** Decodes the response to `command` to its handle and parameters. */
export function decodeResponse(command: TpmCommand, response: Uint8Array): ResponseReader {
  const code = responseCodeOf(response)
  if (code !== 0) {
    throw new TpmError(
      'ERR_TPM_COMMAND',
      `${command.name} failed with ${explainResponseCode(code)}`,
      code,
    )
  }
  const sessions = command.authorizations?.length ?? 0
  const reader = new ResponseReader(response)
  if ((reader.u16() === TPM_ST_SESSIONS) !== sessions > 0) throw malformed('has the wrong tag')
  reader.take(HEADER_BYTES - 2)
  if (sessions === 0) return reader

  const handle = reader.take(command.returnsHandle === true ? 4 : 0)
  const parameters = reader.take(reader.u32())
  for (let i = 0; i < sessions; i++) {
    reader.sized()
    reader.u8()
    reader.sized()
  }
  reader.end()
  return new ResponseReader(new Writer().raw(handle).raw(parameters).toBytes())
}
