import { APIError, InvalidRequestError } from '@nomyo/transport'
import { splitRequest } from '../completion/seal-request.js'
import { isObject } from '../config/checks.js'
import type { RequestOptions } from '../config/options.js'
import type { Session } from '../session.js'
import type { ResponseFormat } from '../types/request.js'
import type { Choice } from '../types/response.js'
import type { StandardSchema } from '../types/standard-schema.js'
import type { ParsedCompletion, ParseRequest } from '../types/parse.js'

/** Requests a completion in the form of a schema, and validates it. */
export async function parseCompletion<Output>(
  session: Session,
  request: ParseRequest<Output>,
  options: RequestOptions,
): Promise<ParsedCompletion<Output>> {
  const schema = isObject(request) ? request.response_format : undefined
  const standard = schema?.['~standard']
  if (typeof standard?.validate !== 'function') {
    throw new InvalidRequestError(
      'ERR_INVALID_REQUEST',
      'Nothing was sent: response_format must be a schema of the Standard Schema specification.',
    )
  }
  const asked = { ...request, stream: false, response_format: formatOf(standard) }
  const split = splitRequest(asked, session.context.config.padding)
  const completion = await session.complete(split, options)
  const choices: unknown[] = []
  for (const choice of completion.choices) choices.push(await parsed(choice, standard))
  return { ...completion, choices } as ParsedCompletion<Output>
}

/** Schemas that cannot be described as JSON Schema still get JSON. */
function formatOf({ jsonSchema }: StandardSchema['~standard']): ResponseFormat {
  if (typeof jsonSchema?.input !== 'function') return { type: 'json_object' }
  try {
    const schema = jsonSchema.input({ target: 'draft-2020-12' })
    return { type: 'json_schema', json_schema: { name: 'answer', schema, strict: true } }
  } catch {
    // Libraries throw for what JSON Schema cannot describe, such as a date.
    return { type: 'json_object' }
  }
}

async function parsed(choice: Choice, standard: StandardSchema['~standard']): Promise<unknown> {
  const { message } = choice
  if (typeof message.content !== 'string' || message.content === '') {
    return { ...choice, message: { ...message, parsed: null } }
  }
  const result = await standard.validate(json(message.content))
  if (result.issues === undefined) {
    return { ...choice, message: { ...message, parsed: result.value } }
  }
  const keys = result.issues.map(({ path = [] }) =>
    path.map((key) => String(typeof key === 'object' ? key.key : key)).join('.'),
  )
  // The texts of a schema may quote the answer.
  throw notParsed({ paths: keys })
}

function json(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    // The engine's message would quote the answer.
    throw notParsed({ paths: [] })
  }
}

const notParsed = (errorDetails: { readonly paths: readonly string[] }): APIError =>
  new APIError('ERR_ANSWER_FORMAT', 'The answer does not match the schema.', {
    errorDetails,
    authenticated: true,
  })
