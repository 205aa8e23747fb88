import type { Tool, ToolCall } from '@nomyo/client'

/** A tool that runs in the page. */
export interface PageTool {
  readonly definition: Tool
  /** Never throws: what is wrong with the arguments is its result. */
  run(parameters: Readonly<Record<string, unknown>>): string
}

/** Runs what a model asked for; whatever it asked for, the result is a text for it. */
export function runTool(tools: readonly PageTool[], call: ToolCall): string {
  const tool = tools.find(({ definition }) => definition.function.name === call.function.name)
  if (tool === undefined) return 'There is no such tool.'
  const parameters = parse(call.function.arguments)
  return parameters === undefined ? 'The arguments are no JSON object.' : tool.run(parameters)
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
