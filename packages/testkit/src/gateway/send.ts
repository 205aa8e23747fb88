import type { ServerResponse } from 'node:http'

/** The head of a response. */
export interface Head {
  /** Default 200. */
  readonly status?: number
  readonly type?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** Sends a whole body with its length. */
export function sendBytes(response: ServerResponse, body: Uint8Array, head: Head = {}): void {
  const { status = 200 } = head
  response.writeHead(status, {
    // RFC 9110 section 8.6 forbids a length for these.
    ...(status === 204 || status === 304 ? {} : { 'content-length': String(body.length) }),
    ...(head.type === undefined ? {} : { 'content-type': head.type }),
    ...head.headers,
  })
  response.end(body)
}

/** Sends a value as JSON. */
export function sendJson(response: ServerResponse, value: unknown, head: Head = {}): void {
  const body = new TextEncoder().encode(JSON.stringify(value))
  sendBytes(response, body, { type: 'application/json; charset=utf-8', ...head })
}

/** Sends an envelope as a gateway does. */
export function sendSealed(response: ServerResponse, envelope: Uint8Array): void {
  sendBytes(response, envelope, {
    type: 'application/octet-stream',
    headers: { 'cache-control': 'no-store' },
  })
}

/** Sends a public key as a gateway does. */
export function sendPem(
  response: ServerResponse,
  pem: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  const type = 'text/plain; charset=utf-8'
  sendBytes(response, new TextEncoder().encode(pem), {
    type,
    headers: { 'cache-control': 'no-cache', ...headers },
  })
}
