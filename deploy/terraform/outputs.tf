output "egress_addresses" {
  description = "Addresses that the poller calls from: for WeChat's IP allow list."
  value       = tencentcloud_scf_function.poll.eips
}

output "query_trigger" {
  description = "The function URL is in the console, on the trigger's page of the query function."
  value       = tencentcloud_scf_trigger.url.id
}
