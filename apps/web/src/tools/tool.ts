import type { Tool, ToolCall } from '@nomyo/client'

/** A tool that runs in the page. */
export interface PageTool {
  readonly definition: Tool
  /** Never throws: wrong arguments have a result that describes them. */
  run(parameters: Readonly<Record<string, unknown>>): string
}

/** Runs a call of the model; every call, also a wrong one, has a text as its result. */
export function runTool(tools: readonly PageTool[], call: ToolCall): string {
  const tool = tools.find(({ definition }) => definition.function.name === call.function.name)
  if (tool === undefined) return 'Unknown tool.'
  const parameters = parse(call.function.arguments)
  return parameters === undefined ? 'The arguments must be a JSON object.' : tool.run(parameters)
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text === '' ? '{}' : text)
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    return isObject ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
