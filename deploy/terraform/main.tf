# Both functions, their triggers and the poller's role, from build/migwatch.zip (make package).
#
#   terraform init
#   terraform apply -var-file=prod.tfvars
#
# The package goes through a bucket: it is larger than the function API takes in one call.
# Values of sensitive variables end up in Terraform's state: keep it encrypted and private.

terraform {
  required_version = ">= 1.5"
  required_providers {
    tencentcloud = {
      source  = "tencentcloudstack/tencentcloud"
      version = ">= 1.83.21, < 2.0.0" # the first with tencentcloud_scf_trigger
    }
  }
}

provider "tencentcloud" {
  region = var.region
}

locals {
  namespace = one(concat(tencentcloud_scf_namespace.own[*].namespace, var.namespace == "default" ? ["default"] : []))
  database = { MIGWATCH_DATABASE_URL = var.database_url }
  sealed   = { MIGWATCH_ENCRYPTION_KEYS = var.encryption_keys }
  poll     = merge(local.database, local.sealed, var.poll_settings)
  query    = merge(local.database, local.sealed, var.query_settings)
}

resource "tencentcloud_scf_namespace" "own" {
  count       = var.namespace == "default" ? 0 : 1 # that one is always there
  namespace   = var.namespace
  description = "migwatch"
}

# Its name has the content's hash, so that a new package is a new object and both functions take it.
resource "tencentcloud_cos_bucket_object" "package" {
  bucket = var.bucket
  key    = "migwatch/${filemd5(var.package)}.zip"
  source = var.package
}

# The only thing the poller may do in the account.
resource "tencentcloud_cam_role" "poll" {
  name        = "migwatch-poll"
  description = "lets migwatch read the state of DTS checks, migrations and syncs"
  document    = file("${path.module}/../cam-trust.json")
}

resource "tencentcloud_cam_policy" "poll" {
  name        = "migwatch-poll"
  description = "read the state of DTS checks, migrations and syncs"
  document    = file("${path.module}/../cam-policy.json")
}

resource "tencentcloud_cam_role_policy_attachment" "poll" {
  role_id   = tencentcloud_cam_role.poll.id
  policy_id = tencentcloud_cam_policy.poll.id
}

resource "tencentcloud_scf_function" "poll" {
  name              = "migwatch-poll"
  description       = "looks at every watched migration job once a minute"
  namespace         = local.namespace
  runtime           = "Go1"
  handler           = "poll"
  cos_bucket_name   = tencentcloud_cos_bucket_object.package.bucket
  cos_object_name   = tencentcloud_cos_bucket_object.package.key
  cos_bucket_region = var.region
  mem_size          = 128
  timeout           = 55
  role              = tencentcloud_cam_role.poll.name
  enable_public_net = true
  enable_eip_config = true # always calls from the same address: tencentcloud_scf_function.poll.eips
  vpc_id            = var.vpc_id
  subnet_id         = var.subnet_id
  cls_logset_id     = var.cls_logset_id
  cls_topic_id      = var.cls_topic_id
  environment       = { for name, value in local.poll : name => value if value != "" }

  depends_on = [tencentcloud_cam_role_policy_attachment.poll]
}

# No role: it answers from the database and calls no API.
resource "tencentcloud_scf_function" "query" {
  name              = "migwatch-query"
  description       = "answers what the poller remembers"
  namespace         = local.namespace
  runtime           = "Go1"
  handler           = "query"
  cos_bucket_name   = tencentcloud_cos_bucket_object.package.bucket
  cos_object_name   = tencentcloud_cos_bucket_object.package.key
  cos_bucket_region = var.region
  mem_size          = 128
  timeout           = 10
  enable_public_net = true
  vpc_id            = var.vpc_id
  subnet_id         = var.subnet_id
  cls_logset_id     = var.cls_logset_id
  cls_topic_id      = var.cls_topic_id
  environment       = { for name, value in local.query : name => value if value != "" }
}

resource "tencentcloud_scf_trigger" "timer" {
  function_name   = tencentcloud_scf_function.poll.name
  namespace       = local.namespace
  trigger_name    = "every-minute"
  type            = "timer"
  trigger_desc    = jsonencode({ cron = "0 * * * * * *" })
  qualifier       = "$DEFAULT"
  enable          = "OPEN"
  custom_argument = "tick"
}

resource "tencentcloud_scf_trigger" "url" {
  function_name = tencentcloud_scf_function.query.name
  namespace     = local.namespace
  trigger_name  = "url"
  type          = "http"
  trigger_desc = jsonencode({
    AuthType  = "NONE"
    NetConfig = { EnableExtranet = true, EnableIntranet = true }
  })
  qualifier = "$DEFAULT"
  enable    = "OPEN"
}
