/** A model of the gateway. */
export interface Model {
  id: string
  object: 'model'
  created: number
  owned_by: string
  [member: string]: unknown
}

/** The models of the gateway, as OpenAI defines their list. */
export interface Models {
  object: 'list'
  data: Model[]
}
