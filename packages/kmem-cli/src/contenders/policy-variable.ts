/** The variable of the environment that tells the process of a policy of the user's where its file is: a URL. */
export const POLICY_FILE_VARIABLE = "KMEM_POLICY";
