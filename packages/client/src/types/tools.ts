/** A function that the model may call. */
export interface Tool {
  type: 'function'
  function: {
    name: string
    description?: string
    /** JSON Schema of the arguments. */
    parameters?: Record<string, unknown>
    strict?: boolean | null
  }
}

/** A tool that takes text instead of JSON. */
export interface CustomTool {
  type: 'custom'
  custom: {
    name: string
    description?: string
    format?:
      | { type: 'text' }
      | { type: 'grammar'; grammar: { definition: string; syntax: 'lark' | 'regex' } }
  }
}

/** The choice of tools that the model may use. */
export type ToolChoice =
  | 'none'
  | 'auto'
  | 'required'
  | { type: 'function'; function: { name: string } }
  | { type: 'custom'; custom: { name: string } }
  | {
      type: 'allowed_tools'
      allowed_tools: { mode: 'auto' | 'required'; tools: Record<string, unknown>[] }
    }

/** A function call that the model requests. */
export interface ToolCall {
  id: string
  type: 'function'
  function: {
    name: string
    /** JSON text of the model: check it before use. */
    arguments: string
  }
}

/** A call of a {@link CustomTool}. */
export interface CustomToolCall {
  id: string
  type: 'custom'
  custom: {
    name: string
    /** Text of the model: check it before use. */
    input: string
  }
}
