variable "region" {
  description = "Region of both functions, best the database's."
  type        = string
  default     = "ap-shanghai"
}

variable "namespace" {
  description = "Namespace of the functions. Another than default is made, and goes with them."
  type        = string
  default     = "default"
}

variable "package" {
  description = "The zip that `make package` builds."
  type        = string
  default     = "../../build/migwatch.zip"
}

variable "bucket" {
  description = "A private COS bucket in the same region, with the account's number: name-1250000000."
  type        = string
}

variable "database_url" {
  description = "mysql://user:pass@host:3306/db or postgres://user:pass@host:5432/db"
  type        = string
  sensitive   = true

  validation {
    condition     = can(regex("^(mysql|mariadb|postgres|postgresql)://", var.database_url))
    error_message = "database_url begins with mysql:// or postgres://; a function's own disk is lost with it."
  }
}

variable "encryption_keys" {
  description = "Made by `migwatch key --encryption`, comma-separated; empty: nothing secret is stored."
  type        = string
  default     = ""
  sensitive   = true
}

variable "poll_settings" {
  description = "Further settings of the poll function, by their names: MIGWATCH_WECHAT_APPID and so on."
  type        = map(string)
  default     = {}
  sensitive   = true
}

variable "query_settings" {
  description = "Further settings of the query function, by their names: MIGWATCH_ADMIN_KEYS and so on."
  type        = map(string)
  default     = {}
  sensitive   = true
}

variable "vpc_id" {
  description = "Private network of the database; null without."
  type        = string
  default     = null
}

variable "subnet_id" {
  description = "Subnet in it; null without."
  type        = string
  default     = null
}

variable "cls_logset_id" {
  description = "Log set of both functions; null for the platform's default."
  type        = string
  default     = null
}

variable "cls_topic_id" {
  description = "Log topic in it; null for the platform's default."
  type        = string
  default     = null
}
