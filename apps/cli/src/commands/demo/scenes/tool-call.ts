import type { Tool } from '@nomyo/client'
import { question, type Scene } from '../scene.js'

const TOOL: Tool = {
  type: 'function',
  function: {
    name: 'check_interaction',
    description: 'Looks two drugs up in the interaction table',
    parameters: {
      type: 'object',
      properties: { first: { type: 'string' }, second: { type: 'string' } },
      required: ['first', 'second'],
    },
  },
}

/** A tool that the model side asks for. */
export async function showToolCall({
  client,
  model,
  output,
  section,
  check,
}: Scene): Promise<void> {
  section('A tool call, encrypted in the same way')
  const completion = await client.create({
    ...question(model),
    tools: [TOOL],
    // A small model may prefer to talk.
    tool_choice: model.isStandIn
      ? 'auto'
      : { type: 'function', function: { name: TOOL.function.name } },
  })
  const call = completion.choices[0].message.tool_calls?.[0]
  output.line(`   tool     ${call?.function.name ?? 'none'}(${call?.function.arguments ?? ''})`)
  check(
    call?.function.name === TOOL.function.name && hasArguments(call.function.arguments),
    'the model side asked for the tool, with arguments that fit',
  )
}

function hasArguments(json: string): boolean {
  const given = JSON.parse(json) as Record<string, unknown>
  return typeof given['first'] === 'string' && typeof given['second'] === 'string'
}
