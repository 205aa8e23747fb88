import { isRecord } from '../../../json/json-object.js'
import type { ChatFunctions } from '../library.js'
import { unsupported } from '../refusals.js'
import { toGrammarSchema, type GrammarSchemaOptions } from './grammar-schema.js'

type Members = Readonly<Record<string, unknown>>

/** Functions that the model may or must call. */
export interface ToolUse {
  readonly functions: ChatFunctions
  /** The answer must be a call. */
  readonly isForced: boolean
  readonly maxCalls: number
}

const NAME = /^[\w-]{1,64}$/
const MAX_TOOLS = 128
/** A model that does not stop calling must not fill the context with calls. */
const MAX_CALLS = 16

/**
 * Reads `tools`, `tool_choice` and `parallel_tool_calls`; undefined where no tool may be called.
 *
 * @throws UpstreamRefusal
 */
export function readTools(request: Members): ToolUse | undefined {
  const { tools, tool_choice: choice } = request
  const functions = functionsOf(tools ?? [])
  const name = chosenName(choice)
  if (name !== undefined && !functions.has(name)) {
    throw unsupported('tool_choice', 'tool_choice must name one of the tools.', 'invalid_value')
  }
  if (functions.size === 0) {
    if (choice === 'required') throw unsupported('tools', 'tool_choice requires tools.')
    return undefined
  }
  if (choice === 'none') return undefined
  return {
    functions: Object.fromEntries(
      [...functions].filter(([candidate]) => name === undefined || candidate === name),
    ),
    isForced: choice === 'required' || name !== undefined,
    maxCalls: request['parallel_tool_calls'] === false || name !== undefined ? 1 : MAX_CALLS,
  }
}

function functionsOf(tools: unknown): ReadonlyMap<string, ChatFunctions[string]> {
  if (!Array.isArray(tools) || tools.length > MAX_TOOLS) {
    throw unsupported('tools', `tools must be a list of at most ${String(MAX_TOOLS)} functions.`)
  }
  const functions = new Map<string, ChatFunctions[string]>()
  const size = { nodes: 0 }
  tools.forEach((tool: unknown, at) => {
    const param = `tools.${String(at)}`
    const given = isRecord(tool) && tool['type'] === 'function' ? tool['function'] : undefined
    if (!isRecord(given)) throw unsupported(param, 'The embedded model calls functions only.')
    const { name, description, parameters } = given
    if (typeof name !== 'string' || !NAME.test(name) || functions.has(name)) {
      throw unsupported(
        `${param}.function.name`,
        'The name of a function must be unique, of letters, digits, _ and -, and at most 64 long.',
        'invalid_value',
      )
    }
    const schema = {
      ...{ param: `${param}.function.parameters`, size },
      strict: given['strict'] === true,
    }
    functions.set(name, {
      ...(typeof description === 'string' ? { description } : {}),
      ...(parameters === undefined || parameters === null
        ? {}
        : { params: parametersOf(parameters, schema) }),
    })
  })
  return functions
}

function parametersOf(parameters: unknown, options: GrammarSchemaOptions): object {
  const translated: Members = { ...toGrammarSchema(parameters, options) }
  if (translated['type'] === 'object') return translated
  throw unsupported(
    options.param,
    'The parameters of a function must be an object.',
    'invalid_value',
  )
}

/** Returns the name of the function that must be called. */
function chosenName(choice: unknown): string | undefined {
  if (choice === undefined || choice === null) return undefined
  if (typeof choice === 'string' && ['none', 'auto', 'required'].includes(choice)) return undefined
  const called = isRecord(choice) ? choice['function'] : undefined
  if (isRecord(called) && typeof called['name'] === 'string') return called['name']
  throw unsupported('tool_choice', 'tool_choice must be none, auto, required or a function.')
}
