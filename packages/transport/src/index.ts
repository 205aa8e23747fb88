export { abortable, startDeadline, type Deadline } from './deadline.js'
export { endpointUrl, parseBaseUrl } from './endpoint.js'
export { errorFromResponse } from './error-mapping.js'
export {
  APIConnectionError,
  APIError,
  AuthenticationError,
  ForbiddenError,
  InvalidRequestError,
  RateLimitError,
  ServerError,
  ServiceUnavailableError,
  type APIErrorCode,
  type ConnectionErrorCode,
  type SealedError,
} from './errors.js'
export type {
  HttpSend,
  HttpSendRequest,
  HttpSendResponse,
  HttpSendUpload,
} from './http/http-send.js'
export {
  createHttpTransport,
  type HttpTransport,
  type HttpTransportOptions,
} from './http/http-transport.js'
export { parseRetryAfter } from './http/retry-after.js'
export { delay, retry, type RetryOptions } from './retry.js'
export type {
  RequestUpload,
  StreamedResponse,
  TakePart,
  Transport,
  TransportRequest,
  TransportResponse,
} from './transport.js'
